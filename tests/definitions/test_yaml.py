from __future__ import annotations

import sys

import pytest

from fibonacci.definitions import check_definition, dump_yaml, load_yaml

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
    definition = load_yaml(TEXT)
    assert check_definition(definition) == []
    assert definition["version"] == 1.0
    assert dump_yaml(definition) == TEXT


@pytest.mark.parametrize(("text", "reason"), [("- a", "not list"), ("a: [", "not a YAML document"), ("", "NoneType")])
def test_a_document_that_is_no_definition_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load_yaml(text)


def test_a_missing_pyyaml_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match=r"pip install 'fibonacci-sdk\[yaml\]'"):
        load_yaml(TEXT)
    with pytest.raises(ImportError, match=r"fibonacci-sdk\[yaml\]"):
        dump_yaml({})
