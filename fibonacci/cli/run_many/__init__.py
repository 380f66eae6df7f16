"""`fibonacci run-many`: run a workflow for each row of a file."""
