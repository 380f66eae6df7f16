"""Keys that are not known: most are misspelled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, cast

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.checks.codes import problem
from fibonacci.definitions.files.legacy_dialect import SUCCESSORS
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.model.base_node import Condition, RetryPolicy
from fibonacci.definitions.model.nodes import NODE_MODELS
from fibonacci.definitions.model.spellings import OLDER_KEYS
from fibonacci.definitions.model.workflow import WorkflowDefinition
from fibonacci.definitions.problems import Problem

# The emulator reads the categories, and an editor the address of the JSON Schema.
_WORKFLOW: Final = frozenset(WorkflowDefinition.model_fields) | {"categories", "$schema"}
_NODES: Final[Mapping[str, frozenset[str]]] = {
    node_type: frozenset(model.model_fields).union(OLDER_KEYS[node_type].values())
    for node_type, model in NODE_MODELS.items()
}
_INSIDE: Final[Mapping[str, frozenset[str]]] = {
    "retry": frozenset(RetryPolicy.model_fields),
    "condition": frozenset(Condition.model_fields),
}


def unknown_keys(definition: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the keys that neither the models nor the older spelling have."""
    yield from _unknown(definition, _WORKFLOW, "a definition", "")
    yield from _unknown(definition.get("default_retry"), _INSIDE["retry"], "a retry", "default_retry.")
    nodes = definition.get("nodes")
    for index, node in enumerate(nodes if is_array(nodes) else ()):
        if is_object(node):
            yield from _unknown_in_node(node, f"nodes[{index}].")


def _unknown_in_node(node: Mapping[str, Any], prefix: str) -> Iterator[Problem]:
    node_type = node.get("type")
    known = _NODES.get(node_type) if isinstance(node_type, str) else None
    if known is None:
        return  # the type is missing or unknown, which is a fault of its own
    yield from _unknown(node, known, f"a node of type {node_type}", prefix)
    for key, inner in _INSIDE.items():
        if key in known:
            yield from _unknown(node.get(key), inner, f"a {key}", f"{prefix}{key}.")


def _unknown(value: Any, known: Collection[str], owner: str, prefix: str) -> Iterator[Problem]:
    keys = cast("Iterable[object]", value) if is_object(value) else ()
    for key in keys:
        if isinstance(key, str) and key not in known:
            yield problem(prefix + key, "unknown_key", f"{key!r} is not a key of {owner}{_remedy(key, known)}")


def _remedy(key: str, known: Collection[str]) -> str:
    if key in SUCCESSORS:
        return f", but of fibonacci-sdk 0.2.4: {SUCCESSORS[key]}"
    elsewhere = [node_type for node_type, keys in _NODES.items() if key in keys]
    if elsewhere and known not in _INSIDE.values():
        return f", but of a node of type {' or '.join(elsewhere)}"
    return did_you_mean(key, known)
