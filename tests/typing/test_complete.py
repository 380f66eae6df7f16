"""Every method that is no endpoint is in a file that the type checkers read; test_surface.py compares the others."""

from __future__ import annotations

import re
from pathlib import Path

from tests.endpoints.table import NOT_ENDPOINTS

OTHER_METHODS = sorted(set(NOT_ENDPOINTS) - {"close", "aclose"})


def test_every_other_method_has_its_type_asserted() -> None:
    text = Path(__file__).with_name("check_sync.py").read_text("utf-8")
    asserted = set(re.findall(r"assert_type\(\s*client\.([\w.]+)\(", text))
    assert [each for each in OTHER_METHODS if each not in asserted] == []
    assert "type: ignore" not in text
