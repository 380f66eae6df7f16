"""What the SDK knows of a type of node is complete: a type that is missing in one place is named with that place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from fibonacci.definitions import Node, WorkflowBuilder
from fibonacci.definitions.files.writing import NODE_KEYS
from fibonacci.definitions.node_kinds import NODE_KINDS, NodeType
from fibonacci.definitions.nodes import NODE_MODELS

ROOT = Path(__file__).parents[2]

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
    for node_type, kind in NODE_KINDS.items():
        fields = set(NODE_MODELS[node_type].model_fields)
        keys = {*kind.older_keys, *kind.templates, *kind.later_templates, *kind.links, *filter(None, [kind.subject])}
        assert not keys - fields, (node_type, keys - fields)
        assert kind.is_fallible == ({"condition", "fallback", "on_error"} <= fields), node_type


def test_every_field_has_a_place_in_files() -> None:
    written = {key for model in NODE_MODELS.values() for key in model.model_fields}
    written |= {older for kind in NODE_KINDS.values() for older in kind.older_keys.values()}
    assert not written ^ set(NODE_KEYS), "NODE_KEYS in files/writing.py"


def test_every_type_is_documented() -> None:
    for page in ("docs/reference/definitions.md", "docs/reference/emulator-nodes.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        missing = [node_type for node_type in NODE_KINDS if not re.search(rf"`{node_type}`", text)]
        assert not missing, f"{page} has no {missing}"
