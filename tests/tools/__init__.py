"""What writes, checks and measures the repository: `python -m tests.tools.NAME`. Tests of a tool are beside it."""
