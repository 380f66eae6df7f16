"""The verbs of `fibonacci journal`, a module each: `add_arguments(parser)` and `run(context) -> int`."""
