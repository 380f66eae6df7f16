"""Scripts from mappings, from files, and over the control API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fibonacci.emulator import Emulator, InputFileError, NodeFailure
from tests.emulator.api import Api
from tests.emulator.test_control import control
from tests.kit.assertions import each_row
from tests.kit.nodes import llm

JSON = """{
  "classify": [{"urgency": "high"}, {"$failure": "timeout"}],
  "gmail_send": {"answers": [{"$failure": "error", "message": "bounced"}], "repeat": true}
}"""
YAML = """
classify:
- urgency: high
- $failure: timeout
gmail_send:
  answers:
  - {$failure: error, message: bounced}
  repeat: true
"""


@pytest.mark.parametrize(("name", "text"), [("s.json", JSON), ("s.yaml", YAML), ("s.YML", YAML)])
def test_scripts_are_read_from_a_file_of_either_format(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    classify, mail = Emulator(scripts=tmp_path / name).scripts
    assert classify.answers == ({"urgency": "high"}, NodeFailure(kind="timeout"))
    bounced = NodeFailure(kind="error", message="bounced")
    assert (mail.name, mail.answers, mail.repeat) == ("gmail_send", (bounced,), True)


@each_row(
    ("name", "text", "message"),
    [
        ("s.json", "", "s.json:1:1: the file is empty"),
        ("s.yaml", "a: [1]\n---\nb: [1]\n", "s.yaml:2:1: a second document begins here, but a file may have only one"),
        ("s.json", '{"a": [1],\n "b": }', "s.json:2:7: not a JSON document: Expecting value"),
        ("s.json", '{"a": [1], "a": [2]}', "s.json:1:12: 'a' is already a key of this object, on line 1"),
        ("s.json", "[1]", "s.json:1:1: scripts must be an object with the answers for each node, tool or model"),
        ("s.json", '{"a": "x"}', "s.json:1:7: a: must be a list of answers, not str: put a single answer in brackets"),
        ("s.json", '{"": [1]}', "s.json:1:1: name: must be the ID of a node, the name of a tool, or a model, not ''"),
        (
            "s.json",
            '{"a": [1,\n {"$failure": "no"}]}',
            "s.json:2:15: a[1].$failure: must be timeout or error, not 'no'",
        ),
        (
            "s.yaml",
            "a:\n  answers: [1]\n  again: 1\n",
            "s.yaml:2:3: a: has no key 'again': it must be a list of answers, or",
        ),
        ("s.yaml", "a:\n  answers: [1]\n  repeat: 1\n", "s.yaml:3:11: a.repeat: must be true or false, not 1"),
        ("s.yaml", "a:\n  answers:\n  - $failure: x\n", "s.yaml:3:15: a.answers[0].$failure: must be timeout or error"),
        ("s.txt", "{}", "s.txt: the name of the file must end with .json, .yaml or .yml"),
    ],
)
def test_a_faulty_file_is_refused_with_its_place(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputFileError) as caught:
        Emulator(scripts=tmp_path / name)
    assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(message)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"none\.json: the file cannot be read: No such file"):
        Emulator(scripts=str(tmp_path / "none.json"))


def test_all_scripts_of_a_file_are_added_or_none() -> None:
    given: Any = {"a": [1], "b": [], "c": [1]}
    with pytest.raises(ValueError, match="b has no answer"):
        Emulator(scripts=given)
    with pytest.raises(ValueError, match="'gmail_send' has a script that repeats"):
        Emulator(scripts={"a": [1], "gmail.send": {"answers": [1], "repeat": True}, "gmail_send": [1]})


def test_the_control_api_lists_adds_and_removes_scripts(api: Api) -> None:
    answers = [{"urgency": "high"}, {"$failure": "timeout"}, {"$failure": "error", "message": "no"}, None]
    made = control(api, "POST", "/scripts", {"name": "classify", "answers": answers})
    view = {"name": "classify", "answers": answers, "repeat": False, "taken": 0, "remaining": 4}
    assert (made.status, made.data) == (201, view)
    assert api.run(llm("classify"))["outputs"] == {"classify": {"urgency": "high"}}
    assert control(api, "GET", "/scripts").data == [view | {"taken": 1, "remaining": 3}]
    assert control(api, "POST", "/scripts", {"name": "b", "answers": [1], "repeat": True}).data["remaining"] is None
    assert control(api, "DELETE", "/scripts").status == 204
    assert control(api, "GET", "/scripts").data == []
    control(api, "POST", "/scripts", {"name": "b", "answers": [1]})
    control(api, "POST", "/reset")
    assert control(api, "GET", "/scripts").data == []
