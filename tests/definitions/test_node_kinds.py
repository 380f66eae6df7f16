"""What the SDK knows of a type of node is complete: a type that is missing in one place is named with that place."""

from __future__ import annotations

import re
from typing import get_args

from fibonacci.definitions import Node, WorkflowBuilder
from fibonacci.definitions.node_kinds import FIELDS, NODE_KINDS, NodeType
from fibonacci.definitions.nodes import NODE_MODELS
from tests.tools.releases.project import ROOT

PLACES = {
    "`NodeType` in node_kinds.py": list(get_args(NodeType)),
    "`NODE_KINDS` in node_kinds.py": list(NODE_KINDS),
    "`NODE_MODELS` in nodes.py": list(NODE_MODELS),
    "`Node` in nodes.py": [get_args(member)[1].tag for member in get_args(get_args(Node)[0])],
}


def test_every_place_has_every_type() -> None:
    known = {node_type for types in PLACES.values() for node_type in types} - {"open"}
    missing = {place: sorted(known - set(types)) for place, types in PLACES.items()}
    assert not any(missing.values()), missing


def test_a_type_has_the_method_of_the_builder_that_its_kind_names() -> None:
    missing = {kind.method for kind in NODE_KINDS.values() if not callable(getattr(WorkflowBuilder, kind.method, None))}
    assert not missing, f"WorkflowBuilder has no method {missing}"


def test_the_keys_of_a_kind_are_fields_of_its_model() -> None:
    for field in FIELDS:
        types = {node_type for node_type, model in NODE_MODELS.items() if field.key in model.model_fields}
        assert types == set(field.of) if field.of else types, field
    for node_type, kind in NODE_KINDS.items():
        fields = set(NODE_MODELS[node_type].model_fields)
        assert not kind.subject or kind.subject in fields, node_type
        assert kind.is_fallible == ({"condition", "fallback", "on_error"} <= fields), node_type


def test_every_type_is_documented() -> None:
    words: dict[str, list[str]] = {
        "definitions.md": list(NODE_KINDS),
        "emulator-behavior.md": list(NODE_KINDS),
        "workflow-builder.md": [kind.method for kind in NODE_KINDS.values()],
    }
    pages = {page: (ROOT / "docs" / "reference" / page).read_text("utf-8") for page in words}
    missing = {page: [word for word in words[page] if not re.search(rf"`{word}\b", pages[page])] for page in words}
    assert not any(missing.values()), missing
