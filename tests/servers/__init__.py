"""The client behind nginx and haproxy, started here in front of a backend that records what it has carried out."""
