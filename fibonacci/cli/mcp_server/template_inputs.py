"""The inputs of a workflow without an `input_schema`: those that its templates name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fibonacci.cli.inputs.needs import input_references
from fibonacci.cli.mcp_server.schema_filter import PROPERTY_NAME
from fibonacci.definitions.graph import edges
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.links import FOLLOWING, Link, node_links, templated_values

_ANY: Final = {"description": "Any JSON value."}
_MOST_LEVELS: Final = 8


def template_schema(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of the inputs that the templates of a definition name.

    A field is required unless only nodes use it that may be skipped: in a branch, with a condition, as a fallback, or
    after such a node.

    Args:
        definition: The definition as plain JSON; it need not be valid.

    Example:
        >>> node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.user.name}}"}
        >>> template_schema({"nodes": [node]})["properties"]["user"]["required"]
        ['name']
    """
    nodes = _nodes_of(definition)
    optional = _skippable(nodes)
    root = _Field()
    for node in nodes:
        for _, value in templated_values(node):
            for path in _input_paths(value):
                root.add(path, is_required=node["id"] not in optional)
    for path in _input_paths(definition.get("outputs")):
        root.add(path, is_required=True)
    return root.schema() if root.fields else {"type": "object"}


class _Field:
    """A field of the inputs, with the fields inside it that templates name."""

    def __init__(self) -> None:
        self.fields: dict[str, _Field] = {}
        self.is_required = False

    def add(self, path: Sequence[str], *, is_required: bool) -> None:
        """Add the field at a path."""
        if not path or path[0].isdigit() or not PROPERTY_NAME.fullmatch(path[0]):
            return  # an index may be one of a list
        field = self.fields.setdefault(path[0], _Field())
        field.is_required |= is_required
        field.add(path[1:], is_required=is_required)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        if not self.fields:
            return _ANY
        required = [name for name, field in self.fields.items() if field.is_required]
        properties = {name: field.schema() for name, field in self.fields.items()}
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _nodes_of(definition: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    nodes = definition.get("nodes")
    if not is_array(nodes):
        return []
    return [node for node in nodes if is_object(node) and isinstance(node.get("id"), str)]


def _input_paths(value: Any) -> Iterator[tuple[str, ...]]:
    for reference in input_references(value):
        yield reference.path[:_MOST_LEVELS]


def _skippable(nodes: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the ids of the nodes that may be skipped."""
    found = {node["id"] for node in nodes if node.get("condition")}
    for node in nodes:
        found |= {link.target for link in node_links(node) if isinstance(link, Link) and link.kind in FOLLOWING}
    depends_on = edges(nodes)
    left = list(found)
    while left:
        skipped = left.pop()
        followers = [node_id for node_id, targets in depends_on.items() if skipped in targets and node_id not in found]
        found.update(followers)
        left += followers
    return found
