"""`python -m fibonacci.cli`: the command `fibonacci`, for when its script isn't on the path."""

from __future__ import annotations

from fibonacci.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
