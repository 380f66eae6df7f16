"""The command `python -m fibonacci.run_many`: run a workflow for each row of a file."""
