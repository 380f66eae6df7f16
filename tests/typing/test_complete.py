"""Every call has a place in the files that the type checkers read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.endpoints.table import NOT_ENDPOINTS, ROWS

CALLS = sorted({row.call for row in ROWS} | set(NOT_ENDPOINTS) - {"close", "aclose"})


@pytest.mark.parametrize("name", ["check_sync.py", "check_async.py"])
def test_every_call_has_its_type_asserted(name: str) -> None:
    text = (Path(__file__).parent / name).read_text("utf-8")
    asserted = re.sub(r"assert_type\(\s+", "assert_type(", text).replace("assert_type(await ", "assert_type(")
    assert [
        call
        for call in CALLS
        if not re.search(rf"assert_type\((client\.(\w+\.)?)?{'.'.join(call.split('.')[-2:])}\(", asserted)
    ] == []
    assert "type: ignore" not in text
