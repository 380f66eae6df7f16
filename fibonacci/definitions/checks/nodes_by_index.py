"""The nodes of a definition that may be faulty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.links import BadTemplate, Link

NodesByIndex = Mapping[int, Mapping[str, Any]]
"""The nodes that have an id, by their position in the definition."""

LinksByIndex = Mapping[int, Sequence[Link | BadTemplate]]
"""What `node_links` yields for each of them, by its position."""


def nodes_of(definition: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    """Return the nodes that have an id, by position; faults of the others are faults of shape."""
    nodes = definition.get("nodes")
    if not is_array(nodes):
        return {}
    return {i: node for i, node in enumerate(nodes) if is_object(node) and isinstance(node.get("id"), str)}
