"""How many of the faults of a definition the checks report before a run, and that valid ones have none reported."""
