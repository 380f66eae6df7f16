"""The facade: the class `Emulator` and its parts, the public API of the emulator.

The top wing. It imports all others, and the client only when one is requested.
"""
