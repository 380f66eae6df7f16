"""State: everything that the emulator keeps, in memory or in SQLite, with its clock and its IDs.

The lowest wing. It imports nothing else of the emulator.
"""
