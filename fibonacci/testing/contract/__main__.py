"""`python -m fibonacci.testing.contract`: the contract suite against any server."""

from __future__ import annotations

from fibonacci.testing.contract.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
