"""The rules of definitions as data: cases that any implementation of the platform can be held to."""
