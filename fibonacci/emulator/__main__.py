"""`python -m fibonacci.emulator`: runs `fibonacci dev`, in case the command isn't on your path."""

from __future__ import annotations

import sys

from fibonacci.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main(["dev", *sys.argv[1:]]))
