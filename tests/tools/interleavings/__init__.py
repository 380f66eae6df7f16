"""Explores interleavings: every order in which 2 or 3 threads, or tasks, may take turns around one object."""
