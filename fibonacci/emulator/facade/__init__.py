"""The class `Emulator` and its parts: all that a user of the emulator touches from Python.

The top wing: it imports all others, and the client only when one is asked for.
"""
