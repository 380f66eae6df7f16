"""One definition from two that were both changed since they were the same."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from fibonacci.definitions import diff
from fibonacci.definitions.merging import merge
from tests.kit.assertions import each_row

_VALUES = st.sampled_from(["a", "b", 1, 1.0, True, None, [], ["a"], {"k": "a"}, {"k": "b"}, {"l": "a", "m.n": 1}])
_FIELDS = st.dictionaries(st.sampled_from(["instruction", "prompt", "temperature", "params", "mood"]), _VALUES)
_NODE_TYPES = st.sampled_from(["llm", "tool", "another"])


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    """Return definitions that differ in few places, so that two changes often meet."""
    nodes = [
        {**fields, "id": node_id, "type": draw(_NODE_TYPES)}
        for node_id, fields in draw(st.dictionaries(st.sampled_from("abc"), _FIELDS)).items()
        if not {"instruction", "prompt"} <= {*fields}  # the two spellings of one field
    ]
    fields = draw(st.dictionaries(st.sampled_from(["name", "timeout", "outputs"]), _VALUES))
    return {**fields, "nodes": nodes}


def definition(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**fields, "nodes": list(nodes)}


def llm(node_id: str = "greet", instruction: str = "Greet", **fields: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "llm", "instruction": instruction, **fields}


BASE = definition(llm(), {"id": "post", "type": "tool", "tool": "slack.send", "params": {"to": "ops", "text": "Hi"}})
POST = BASE["nodes"][1]


def test_both_sides_change_something() -> None:
    ours = definition(llm(temperature=0.2), {**POST, "params": {"to": "all", "text": "Hi"}}, name="Ours")
    theirs = definition(llm("ask"), llm(prompt="Welcome"), {**POST, "params": {"to": "ops", "text": "Ho"}}, timeout=9)
    del theirs["nodes"][1]["instruction"]
    merged = merge(BASE, ours, theirs)
    expected = definition(
        llm("greet", "Welcome", temperature=0.2),
        {**POST, "params": {"to": "all", "text": "Ho"}},
        llm("ask"),
        name="Ours",
        timeout=9,
    )
    assert (merged.conflicts, diff(merged.definition, expected).changes) == ([], ())


def post(to: str) -> dict[str, Any]:
    return {**POST, "params": {"to": to, "text": "Hi"}}


@each_row(
    ("ours", "theirs", "place"),
    [
        (definition(llm(temperature=0.2), POST), definition(llm(temperature=0.3), POST), "greet.temperature"),
        (definition(llm(), POST), definition(llm(temperature=0.3), POST), None),
        (definition(llm(), post("a")), definition(llm(), post("b")), "post.params.to"),
        (definition(POST), definition(llm(temperature=0.3), POST), "greet"),
        (definition(llm(), POST, llm("new", "A")), definition(llm(), POST, llm("new", "B")), "new.instruction"),
        ({**BASE, "outputs": {"a b": "{{greet}}"}}, {**BASE, "outputs": {"a b": "{{post}}"}}, "outputs['a b']"),
        (definition(llm(), POST, {"type": "llm"}), BASE, "nodes[2]"),
    ],
)
def test_what_both_have_changed_is_named(ours: dict[str, Any], theirs: dict[str, Any], place: str | None) -> None:
    for one, other in ((ours, theirs), (theirs, ours)):
        assert merge(BASE, one, other).conflicts == ([] if place is None else [place])
