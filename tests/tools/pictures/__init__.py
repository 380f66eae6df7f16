"""The pictures of the documentation: each made by a command, from a real run where it shows one, in light and dark."""
