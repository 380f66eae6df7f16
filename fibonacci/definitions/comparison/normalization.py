"""The normal form of definitions, in which two that mean the same are equal.

Older spellings become newer ones, values that equal the default are dropped, and lists of ids whose order means nothing
are sorted. Nothing is checked: a faulty definition can be compared too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple, cast

from pydantic import BaseModel

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.model.nodes import NODE_MODELS, OpenNode
from fibonacci.definitions.model.plain import to_plain, unwrapped
from fibonacci.definitions.model.spellings import is_open
from fibonacci.definitions.model.workflow import WorkflowDefinition
from fibonacci.errors import DefinitionError

# Nodes run in the order of their dependencies, so the order in which these lists name them means nothing.
_UNORDERED: Final = ("dependencies", "true_branch", "false_branch")


class NormalizedDefinition(NamedTuple):
    """A definition in normal form."""

    fields: dict[str, Any]
    """The fields of the workflow with its outputs, without its nodes."""

    nodes: dict[str, dict[str, Any]]
    """The nodes by id. One without an id of its own is named by its position, such as `nodes[2]`."""


def normalized(definition: Mapping[str, Any] | BaseModel) -> NormalizedDefinition:
    """Return a definition in normal form.

    Args:
        definition: A definition as plain JSON, valid or not, or a `WorkflowDefinition`.

    Raises:
        TypeError: If it is neither a mapping nor a model.
        ValueError: If it holds itself.
    """
    try:
        plain = to_plain(definition)
    except DefinitionError:  # a field differs in its two spellings: compared as it is
        plain = cast("dict[str, Any]", unwrapped(definition))
    fields = _without_defaults(plain, workflow_defaults())
    nodes = fields.pop("nodes", ())
    by_id: dict[str, dict[str, Any]] = {}
    for index, node in enumerate(nodes if is_array(nodes) else ()):
        said: Mapping[str, Any] = node if is_object(node) else {"node": node}
        node_id = said.get("id")
        has_own_id = isinstance(node_id, str) and node_id not in by_id
        by_id[str(node_id) if has_own_id else f"nodes[{index}]"] = _normalized_node(said)
    return NormalizedDefinition(fields, by_id)


def _normalized_node(node: Mapping[str, Any]) -> dict[str, Any]:
    normal = _without_defaults(node, node_defaults(node.get("type")))
    for key in ("dependencies",) if is_open(node) else _UNORDERED:
        if is_array(ids := normal.get(key)):
            normal[key] = sorted(set(map(str, ids)))
    if normal.get("type") == "tool" and isinstance(tool := normal.get("tool"), str):
        normal["tool"] = tool.replace(".", "_")  # `gmail.send` and `gmail_send` name the same tool
    return normal


def _without_defaults(said: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key not in defaults or not same(value, defaults[key])}


def node_defaults(node_type: object) -> Mapping[str, Any]:
    """Return the defaults of the fields of a node type; of an unknown one, those that all nodes have."""
    return _defaults(NODE_MODELS.get(node_type, OpenNode)) if isinstance(node_type, str) else {}


def workflow_defaults() -> Mapping[str, Any]:
    """Return the defaults of the fields of a workflow."""
    return _defaults(WorkflowDefinition)


@cache
def _defaults(model: type[BaseModel]) -> Mapping[str, Any]:
    return {
        name: field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
        if not field.is_required() and name != "type"
    }


def same(one: object, other: object) -> bool:
    """Tell whether two values are the same JSON: 5 is 5.0, and true is not 1."""
    return canonical(one) == canonical(other)


def canonical(value: object) -> str:
    """Return the one text of a JSON value: keys sorted, no spaces, 5.0 as 5."""
    return json.dumps(_normal(value), sort_keys=True, separators=(",", ":"), default=str)


def _normal(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if is_object(value):
        return {str(key): _normal(each) for key, each in value.items()}
    if is_array(value):
        return [_normal(each) for each in value]
    return value
