"""The command `fibonacci`."""
