"""Derives the pages of the reference that list what the code has: the command line and the errors."""
