"""Derive pages of `docs/reference/` from the code.

python -m tests.reference             write the pages
python -m tests.reference --check     print what differs, and exit with 1 if anything does
"""

from __future__ import annotations

from tests.kit.derived_files import write_or_check
from tests.reference.pages import differences, write

write_or_check(write, differences, name="pages of the reference", command="python -m tests.reference")
