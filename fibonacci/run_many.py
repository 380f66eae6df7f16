"""`python -m fibonacci.run_many`: the command `fibonacci run-many`, where its script is not on the path."""

from __future__ import annotations

from fibonacci.cli.run_many.command import main

if __name__ == "__main__":
    raise SystemExit(main())
