"""`python -m fibonacci.run_many`: the command `fibonacci run-many`, where its script is not on the path."""

from __future__ import annotations

import sys

from fibonacci.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main(["run-many", *sys.argv[1:]]))
