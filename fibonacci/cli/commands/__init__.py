"""The commands for people, a module each: `add_arguments(parser)` and `run(context) -> int`."""
