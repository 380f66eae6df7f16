"""A definition that is being built, as JSON, with the source line of each part."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fibonacci.definitions.authoring.arguments import ArgumentReader
from fibonacci.definitions.authoring.handles import NodeHandle
from fibonacci.definitions.authoring.node_fields import node_fields, open_node_fields
from fibonacci.definitions.authoring.node_links import dependencies, refuse_unknown, warn_of_single_braces
from fibonacci.definitions.authoring.source_lines import SourceLine, caller_line
from fibonacci.definitions.links import template_links
from fibonacci.definitions.templates import INPUT, NAMED_SOURCES

_NODE: Final = re.compile(r"nodes\[(\d+)\]")
_PART: Final = re.compile(r"outputs\.[^.\[]+|input_schema")


class Draft:
    """The nodes and outputs so far.

    Args:
        builder: The builder whose handles the nodes are.
        read: Reads the arguments of the builder's methods.
        fields: The other fields of the definition.
    """

    def __init__(self, builder: object, read: ArgumentReader, fields: dict[str, Any]) -> None:
        self.read = read
        self.fields = fields
        self._builder = builder
        self._nodes: dict[str, dict[str, Any]] = {}
        self._outputs: dict[str, Any] = {}
        self._lines: dict[str, SourceLine] = {"": caller_line()}
        self._node_lines: dict[str, SourceLine] = {}

    @property
    def node_ids(self) -> list[str]:
        """The ids of the nodes, in order."""
        return list(self._nodes)

    def plain(self) -> dict[str, Any]:
        """Return the definition as JSON."""
        outputs = {"outputs": self._outputs} if self._outputs else {}
        return {**self.fields, "nodes": list(self._nodes.values()), **outputs}

    def add(self, node_type: str, arguments: Mapping[str, object], value_type: object = Any) -> NodeHandle:
        """Add a node of a known type, and return its handle.

        Args:
            node_type: The type of the node, such as `llm`.
            arguments: The arguments that were given, by name.
            value_type: The type of what the node gives; Any if it is not known.

        Raises:
            TypeError: If an argument is of a wrong type.
            ValueError: If an argument has a wrong value, the id is taken, or a template names no node.
        """
        return self._add(node_fields(node_type, arguments, self.read), value_type)

    def add_open(self, node_type: str, arguments: Mapping[str, object], fields: Mapping[str, object]) -> NodeHandle:
        """Add a node of a type that is not known, and return its handle.

        Args:
            node_type: The type of the node.
            arguments: The arguments that every method has, by name.
            fields: The fields of the type, by their names in JSON.

        Raises:
            TypeError: If an argument is of a wrong type.
            ValueError: If an argument has a wrong value, the id is taken, or the type is or resembles a known one.
        """
        return self._add(open_node_fields(node_type, arguments, fields, self.read), Any)

    def _add(self, node: dict[str, Any], value_type: object) -> NodeHandle:
        node_id: str = node["id"]
        self._check_id(node_id)
        before = dependencies(node, self._nodes)
        warn_of_single_braces(node, self._nodes)
        self._nodes[node_id] = node | ({"dependencies": before} if before else {})
        self._node_lines[node_id] = caller_line()
        return NodeHandle(node_id, self._builder, value_type)

    def put_in_branches(self, gate: NodeHandle, nodes: Sequence[NodeHandle]) -> None:
        """Let nodes depend on the conditional that decides about them."""
        for each in nodes:
            before = self._nodes[each.id].get("dependencies", [])
            if gate.id not in before:
                self._nodes[each.id]["dependencies"] = [*before, gate.id]

    def add_outputs(self, named: Mapping[str, object]) -> None:
        """Add outputs of the workflow.

        Raises:
            TypeError: If something in an output has no JSON form.
            ValueError: If there is an output of that name already, or a template names no node.
        """
        outputs = {name: self.read.plain(value, name) for name, value in named.items()}
        for name, value in outputs.items():
            if name in self._outputs:
                raise ValueError(f"there is an output {name!r} already: see {self.line_of(f'outputs.{name}')}")
            refuse_unknown(template_links(name, value), self._nodes)
        warn_of_single_braces(outputs, self._nodes)
        self._outputs |= outputs
        self._lines |= dict.fromkeys((f"outputs.{name}" for name in outputs), caller_line())

    def set_inputs(self, schema: dict[str, Any]) -> None:
        """Set the JSON Schema of the inputs."""
        self.fields["input_schema"] = schema
        self._lines["input_schema"] = caller_line()

    def line_of(self, location: str) -> SourceLine:
        """Return the line that a place in the definition comes from, such as `nodes[2].timeout`."""
        if node := _NODE.match(location):
            return list(self._node_lines.values())[int(node[1])]
        part = _PART.match(location)
        return self._lines.get(part[0] if part else "", self._lines[""])

    def _check_id(self, node_id: str) -> None:
        if node_id == INPUT or node_id in NAMED_SOURCES:
            raise ValueError(f"id {node_id!r} is a source of templates; use another id")
        if node_id in self._nodes:
            raise ValueError(f"id {node_id!r} is taken already: see {self._node_lines[node_id]}")
