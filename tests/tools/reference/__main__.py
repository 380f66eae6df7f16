"""Derive pages of the documentation from the code.

python -m tests.tools.reference             write the pages
python -m tests.tools.reference --check     print what differs, and exit with 1 if anything does
"""

from __future__ import annotations

from tests.tools.derived_files import write_or_check
from tests.tools.reference.pages import differences, write

write_or_check(write, differences, name="pages of the reference", command="python -m tests.tools.reference")
