"""Client, batch and emulator in one process, over simulated time, with a seeded scheduler and network."""
