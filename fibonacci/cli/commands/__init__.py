"""The commands for people: `add_NAME_arguments(parser)`, and `run_NAME(context) -> int` unless it has verbs."""
