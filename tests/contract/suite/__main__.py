"""`python -m tests.contract.suite`: the contract suite against any server."""

from __future__ import annotations

from tests.contract.suite.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
