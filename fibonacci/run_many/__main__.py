"""`python -m fibonacci.run_many`: run a workflow for each row of a file."""

from __future__ import annotations

from fibonacci.run_many.command import main

if __name__ == "__main__":
    raise SystemExit(main())
