"""`python -m fibonacci.emulator`: the platform on this machine, for other programs and languages."""

from __future__ import annotations

from fibonacci.emulator.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
