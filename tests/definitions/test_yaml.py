from __future__ import annotations

import subprocess
import sys

import pytest

from fibonacci.definitions import DefinitionError, check_definition, dumps, loads
from tests.kit.assertions import check_each

TEXT = """\
name: grüße
version: 1.0
nodes:
- id: greet
  type: llm
  instruction: Greet {{input.name}}
outputs:
  text: '{{greet}}'
"""


def test_a_definition_survives_a_round_trip() -> None:
    definition = loads(TEXT)
    assert check_definition(definition.model_dump()) == []
    assert definition.version == 1.0
    assert dumps(definition) == TEXT
    assert dumps(definition.model_dump()) == TEXT


def test_a_document_that_is_no_definition_is_refused() -> None:
    def check(row: tuple[str, str]) -> None:
        text, reason = row
        with pytest.raises(DefinitionError, match=reason):
            loads(text)

    rows: list[tuple[str, str]] = [
        ("- a", "not a list"),
        ("a: [", "not a YAML document"),
        ("", "empty"),
        ("7", "not 7"),
        ("---", "not null"),
    ]
    check_each(rows, check)


def test_a_missing_pyyaml_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match=r"pip install 'fibonacci-sdk\[yaml\]'"):
        loads(TEXT)
    with pytest.raises(ImportError, match=r"fibonacci-sdk\[yaml\]"):
        dumps({})


def test_json_needs_no_pyyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    definition = loads(TEXT)
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert loads(dumps(definition, format="json")) == definition


def test_pyyaml_is_imported_when_it_is_needed() -> None:
    program = "import sys, fibonacci.definitions; assert 'yaml' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
