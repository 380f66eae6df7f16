"""Every namespace of the client, and every method that is no endpoint, is in a file that the type checkers read."""

from __future__ import annotations

import re
from pathlib import Path

from tests.contract.document import operations
from tests.endpoints.table import NOT_ENDPOINTS

NAMESPACES = sorted({each.id.rpartition(".")[0] for each in operations()})
OTHER_METHODS = sorted(set(NOT_ENDPOINTS) - {"close", "aclose"})


def test_every_namespace_and_every_other_method_has_its_type_asserted() -> None:
    text = Path(__file__).with_name("check_sync.py").read_text("utf-8")
    asserted = set(re.findall(r"assert_type\(\s*client\.([\w.]+)\(", text))
    assert [each for each in NAMESPACES if each not in {call.rpartition(".")[0] for call in asserted}] == []
    assert [each for each in OTHER_METHODS if each not in asserted] == []
    assert "type: ignore" not in text
