"""The keys of rows: numbers and texts, each of which keeps its type."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Any

import pytest

from fibonacci import Fibonacci
from fibonacci._batch.rows import key_in, key_text, other_key
from tests.batch.journals import JournalPlace
from tests.batch.workflows import inputs_of
from tests.kit.mode import Mode
from tests.kit.nodes import llm


@pytest.mark.parametrize("key", [7, -7, "7", "-7", "007", "a", "", '"7"', '"', "Ä\n", 2**70, "-", "1.0", "\u0663"])
def test_a_key_keeps_its_type(key: str | int) -> None:
    text = key_text(key, "key")
    assert (key_in(text), type(key_in(text))) == (key, type(key))
    other = other_key(text)
    if other is not None:
        assert str(key_in(other)) == str(key)
        assert type(key_in(other)) is not type(key)


def test_a_member_of_an_enumeration_is_its_value() -> None:
    channel = Enum("channel", {"SLACK": "slack"}, type=str)
    assert key_text(channel.SLACK, "key") == key_text("slack", "key") == "slack"


def test_a_number_and_its_text_are_two_keys(client: Fibonacci, greeter: str, place: JournalPlace) -> None:
    keys = [1, "1", '"1"']
    rows: list[dict[str, Any]] = [{"id": key, "name": "Ada"} for key in keys]
    for known in (0, 3):
        runs = client.workflows.run_many(greeter, rows, key="id", journal=place.location)
        assert [(each.key, each.inputs) for each in runs.results()] == [(row["id"], row) for row in rows]
        assert runs.summary.from_journal == known


def test_keys_that_change_their_type_run_nothing_twice(
    mode: Mode, any_client: Any, client: Fibonacci, greeter: str, place: JournalPlace
) -> None:
    texts: list[dict[str, Any]] = [{"id": "1", "name": "Ada"}, {"id": "2", "name": "Bob"}]
    mode.run(any_client.workflows.run_many(greeter, texts, key="id", journal=place.location).results())
    numbers = [{**row, "id": int(row["id"])} for row in texts]
    with pytest.raises(ValueError, match="row 0 has the key 1, but the journal has '1': numbers and texts are"):
        mode.run(any_client.workflows.run_many(greeter, numbers, key="id", journal=place.location).results())
    assert len(inputs_of(client, greeter)) == 2


def test_no_library_is_imported_for_other_rows(client: Fibonacci, monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("numpy", "pandas", "polars", "pyarrow"):
        monkeypatch.setitem(sys.modules, library, None)  # an import of it fails
    workflow = client.workflows.create(name="greeter", definition={"nodes": [llm("greet", "Hi")]}).id
    rows: list[dict[str, Any]] = [{"name": float("nan")}, {"name": {1}}]
    first, second = client.workflows.run_many(workflow, rows).results()
    assert (first.status, first.inputs) == ("completed", {"name": None})
    assert isinstance(second.error, TypeError)
