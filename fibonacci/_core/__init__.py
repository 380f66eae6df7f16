"""The rules of the client, I/O-free: nothing in here waits, reads a clock of its own, or opens anything."""
