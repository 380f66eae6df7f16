"""The file of a cassette: readable, whole or as it was, and refused with the place where it is malformed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fibonacci.emulator import Emulator, InputFileError, RecordedCall
from fibonacci.emulator.engine.cassettes import read_calls, text_of, write_calls
from tests.emulator.cassettes import counting, failure, run, stored
from tests.kit.assertions import each_row
from tests.kit.nodes import llm


def test_texts_stay_readable_and_any_text_is_kept(cassette: Path) -> None:
    emulator = Emulator()
    emulator.llm(lambda call: "Übung")
    emulator.record(cassette)
    run(emulator.client(), llm("a", "Grüße"))
    assert '"instruction": "Grüße"' in cassette.read_text("utf-8")
    call = RecordedCall(kind="llm", node="a", input={}, answer=["Ü", "\u2028"])
    write_calls(cassette, [text_of(call)])
    assert read_calls(cassette) == [call]


def test_an_answer_that_cannot_be_stored_fails_the_node(tmp_path: Path) -> None:
    folder = tmp_path / "cassettes"
    folder.mkdir()
    emulator = Emulator()
    counting(emulator)
    emulator.record(folder / "calls.json")
    folder.rmdir()
    error = failure(emulator.client(), llm("a"))
    assert error == f"the cassette {folder / 'calls.json'} cannot be written: No such file or directory"


def test_a_cassette_that_another_process_changes_is_left_as_it_is(cassette: Path) -> None:
    one, other = Emulator(), Emulator()
    for emulator in (one, other):
        counting(emulator)
        emulator.record(cassette)
    run(one.client(), llm("a", "one"))
    error = failure(other.client(), llm("a", "other"))
    assert error.startswith(f"another process changed the cassette {cassette}, so nothing was written to it")
    run(one.client(), llm("a", "two"))
    assert [call["input"]["instruction"] for call in stored(cassette)] == ["one", "two"]


CALL = {"kind": "llm", "node": "a", "input": {"instruction": "do"}, "answer": 1}


@each_row(
    ("content", "message"),
    [
        ("", ":1:1: not a JSON document"),
        ('{"format": 1,\n "calls": [}', ":2:12: not a JSON document: Expecting value"),
        ('{"format": 1, "calls": [NaN]}', ": not a JSON document in UTF-8: NaN is not a JSON number"),
        ([], ":1:1: Input should be a valid dictionary"),
        ({"format": 2, "calls": []}, ":1:12: format: the format is 2, but this version reads 1: update fibonacci-sdk"),
        ({"format": 1, "calls": [1]}, ":1:25: calls[0]: Input should be a valid dictionary"),
        ({"format": 1, "calls": [CALL, {**CALL, "x": 1}]}, "calls[1].x: Extra inputs are not permitted"),
        ({"format": 1, "calls": [{"kind": "llm", "node": "a", "answer": 1}]}, "calls[0].input: Field required"),
        ({"format": 1, "calls": [{**CALL, "error": "x"}]}, "calls[0]: a call must have either an answer or an error"),
        ({"format": 1, "calls": [{**CALL, "usage": {"cost": -1}}]}, "calls[0].usage.cost: Input should be greater"),
    ],
)
def test_a_malformed_cassette_is_refused_with_its_place(cassette: Path, content: Any, message: str) -> None:
    cassette.write_text(content if isinstance(content, str) else json.dumps(content))
    for use in (Emulator().replay, Emulator().record):
        with pytest.raises(InputFileError) as caught:
            use(cassette)
        assert str(caught.value).startswith(f"{cassette}:")
        assert message in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_a_fifo_in_the_place_of_a_cassette_is_refused_at_once(cassette: Path) -> None:
    os.mkfifo(cassette)  # as another user can in a folder that everybody writes to
    with pytest.raises(InputFileError, match="the cassette cannot be read: is not a regular file"):
        Emulator().record(cassette)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"none\.json: the cassette does not exist: record it with"):
        Emulator().replay(tmp_path / "none.json")
    with pytest.raises(InputFileError, match=r"the folder .* does not exist: create it"):
        Emulator().record(tmp_path / "none" / "calls.json")
    with pytest.raises(InputFileError, match="cannot be read"):
        Emulator().record(tmp_path)
