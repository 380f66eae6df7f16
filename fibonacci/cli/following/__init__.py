"""An execution that is followed to its end: what is shown on the way, and what its end is worth."""
