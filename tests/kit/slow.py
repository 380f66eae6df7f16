"""Which tests are slow as a whole, seen without importing them."""

from __future__ import annotations

import re
from pathlib import Path

_ALL_SLOW = re.compile(r"^pytestmark = .*\bpytest\.mark\.slow\b", re.MULTILINE)


def is_all_slow(file: Path) -> bool:
    """Tell whether all tests of a file are slow."""
    return _ALL_SLOW.search(file.read_text("utf-8")) is not None
