"""The rules of the client, I/O-free: nothing in here waits or sends, and time is an argument.

The configuration alone reads the environment, and looks whether a file exists.
"""
