"""`python -m fibonacci.emulator`: `fibonacci dev`, for those who do not have the command on their path."""

from __future__ import annotations

import sys

from fibonacci.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main(["dev", *sys.argv[1:]]))
