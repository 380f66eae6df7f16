"""A long list is read in pieces; the result is the same, and only the memory differs."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci import APIResponseError
from fibonacci._core import decoding
from fibonacci._core.decoding import decode_list, edges, read_list
from fibonacci.models import Workflow
from tests.core.responses import api_response
from tests.kit.assertions import each_row

TEXTS = st.text(alphabet='{}[]",\\: aü\n', max_size=6)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ITEMS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=3) | VALUES, max_size=12)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n ", " : ")])


def workflows(number: int, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"wf-{i}", "definition": {"nodes": [{"id": "a"}, {"id": "b"}]}, **more} for i in range(number)]


def encoded(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


@given(ITEMS, SEPARATORS, st.integers(0, 40), st.booleans())
def test_the_items_are_those_of_the_list(items: list[Any], separators: Any, piece: int, escaped: bool) -> None:
    document = {"data": items, "meta": {"request_id": "r"}}
    body = json.dumps(document, separators=separators, ensure_ascii=escaped).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "PIECE", piece)
        assert decode_list(api_response(body), Any, "items") == (items, {"request_id": "r"})


@pytest.fixture
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a list of 60 workflows be a long one."""
    monkeypatch.setattr(decoding, "PIECE", 600)
    assert len(edges(encoded({"data": workflows(60)}))) > 5


@pytest.mark.usefixtures("short_pieces")
def test_a_long_list_is_cut_into_pieces() -> None:
    items = workflows(60)
    body = encoded({"data": items, "meta": {}})
    places = edges(body)
    assert all(600 <= end - start < 700 for start, end in pairwise(places))
    assert len(body) - places[-1] <= 1200
    read, meta = read_list(body, list[Workflow])  # no piece is refused: `decode_list` would read all of it once more
    assert [workflow.model_dump(mode="json") for workflow in read] == items
    assert meta == {}


@pytest.mark.usefixtures("short_pieces")
@each_row("shape", ['{"data":%s}', '{"meta":{},"data":%s}', '{"data":{"items":%s}}', '{"items":%s,"more":1}'])
@each_row("name", ["}{", "{", "},{"])
def test_other_shapes_and_any_texts_are_read_as_well(shape: str, name: str) -> None:
    items = workflows(60, name=name)
    body = (shape % encoded(items).decode()).encode()
    read, _ = decode_list(api_response(body), Workflow, "workflows")
    assert [workflow.model_dump(mode="json") for workflow in read] == items


@pytest.mark.usefixtures("short_pieces")
@each_row("place", [0, 30, 59])
def test_what_fits_no_field_costs_nothing_else_of_the_whole_list(place: int) -> None:
    items = workflows(60)
    items[place]["name"] = ["not a name"]
    read, _ = decode_list(api_response(encoded({"data": items})), Workflow, "workflows")
    assert [workflow.model_dump(mode="json") for workflow in read] == items
    assert read[place].name is None


@pytest.mark.usefixtures("short_pieces")
@each_row("cut", [1, 600, 2_400])
def test_a_long_list_that_is_cut_is_no_json(cut: int) -> None:
    body = encoded({"data": workflows(60)})
    with pytest.raises(APIResponseError, match="not JSON"):
        decode_list(api_response(body[:-cut]), Workflow, "workflows")
