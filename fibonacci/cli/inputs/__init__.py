"""The inputs of a run: as they are typed, and whether the definition can use them."""
