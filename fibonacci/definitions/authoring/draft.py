"""A definition under construction, as JSON, with the source line of each part."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from fibonacci._texts.suggestions import did_you_mean
from fibonacci.definitions.authoring.arguments import ArgumentReader, node_fields, open_node_fields
from fibonacci.definitions.authoring.caller import SourceLine, caller_line
from fibonacci.definitions.authoring.handles import BranchBlock, ConditionalHandle, NodeHandle, warn_of
from fibonacci.definitions.document import Document, JSONReader
from fibonacci.definitions.graph import FOLLOWING, BadTemplate, Link, node_links, template_links, templated_values
from fibonacci.definitions.node_kinds import NodeType
from fibonacci.definitions.problems import Problem, Problems
from fibonacci.definitions.templates import INPUT, NAMED_SOURCES, single_braced, strings

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
        self._open_blocks: list[BranchBlock] = []
        self._block_of: dict[str, BranchBlock] = {}

    @property
    def node_ids(self) -> list[str]:
        """The IDs of the nodes, in order."""
        return list(self._nodes)

    def document(self) -> Document:
        """Return the definition so far."""
        outputs = {"outputs": self._outputs} if self._outputs else {}
        value = {**self.fields, "nodes": list(self._nodes.values()), **outputs}
        return Document(JSONReader().read(value), places=self)

    def placed(self, problems: list[Problem]) -> Problems:
        """Return problems with the lines of the program that caused them."""
        lines = [self.line_of(problem.location) for problem in problems]
        pairs = zip(problems, lines, strict=True)
        return Problems(replace(problem, source=str(line), snippet=line.snippet) for problem, line in pairs)

    def span(self, location: str) -> None:
        """Return None, because only lines of a program are known."""

    def add(self, node_type: NodeType, arguments: Mapping[str, object], value_type: object = Any) -> NodeHandle[Any]:
        """Add a node of a known type, and return its handle.

        Args:
            node_type: The type of the node, such as `llm`.
            arguments: The arguments that were given, by name.
            value_type: The type of the node's output, or Any if unknown.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If an argument has a wrong value, the ID is taken, or a template names a missing node.
        """
        return NodeHandle(self._add(node_fields(node_type, arguments, self.read)), self._builder, value_type)

    def add_conditional(self, arguments: Mapping[str, object]) -> ConditionalHandle:
        """Add a conditional, and return its handle.

        Args:
            arguments: The arguments that were given, by name.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If an argument has a wrong value, the ID is taken, or a template names a missing node.
        """
        node = node_fields("conditional", arguments, self.read)
        gate = self._add(node)
        for node_id in (*node.get("true_branch", ()), *node.get("false_branch", ())):
            self._let_decide(gate, node_id)
        return ConditionalHandle(gate, self._builder, self._open_blocks)

    def add_open(self, node_type: str, arguments: Mapping[str, object], fields: Mapping[str, object]) -> NodeHandle:
        """Add a node of an unknown type, and return its handle.

        Args:
            node_type: The type of the node.
            arguments: The arguments that all methods have, by name.
            fields: The fields of the type, by their names in JSON.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If an argument has a wrong value, the ID is taken, or the type is or resembles a known one.
        """
        return NodeHandle(self._add(open_node_fields(node_type, arguments, fields, self.read)), self._builder)

    def _add(self, node: dict[str, Any]) -> str:
        node_id: str = node["id"]
        self._check_id(node_id)
        before = _dependencies(node, self._nodes)
        for key, value in templated_values(node):
            self._warn_of_single_braces(f"{node_id}.{key}", value)
        self._nodes[node_id] = node | ({"dependencies": before} if before else {})
        self._node_lines[node_id] = caller_line()
        if self._open_blocks:
            block = self._block_of[node_id] = self._open_blocks[-1]
            self._nodes[block.gate].setdefault(block.branch, []).append(node_id)
            self._depend(node_id, block.gate)
        return node_id

    def _let_decide(self, gate: str, node_id: str) -> None:
        """Let a conditional decide whether a node runs, instead of the block that both are in.

        A node runs if any conditional takes a branch that names it, so the conditional of the block must not name it
        too. The node still depends on that conditional, but only for the order.
        """
        block = self._block_of.get(node_id)
        if block is not None and block is self._block_of.get(gate):
            del self._block_of[node_id]
            self._nodes[block.gate][block.branch].remove(node_id)
        self._depend(node_id, gate)

    def _depend(self, node_id: str, gate: str) -> None:
        before = self._nodes[node_id].get("dependencies", [])
        if gate not in before:
            self._nodes[node_id]["dependencies"] = [*before, gate]

    def add_outputs(self, named: Mapping[str, object]) -> None:
        """Add outputs of the workflow.

        Raises:
            TypeError: If something in an output has no JSON form.
            ValueError: If an output with that name already exists, or a template names a missing node.
        """
        outputs = {name: self.read.plain(value, name) for name, value in named.items()}
        for name, value in outputs.items():
            if name in self._outputs:
                raise ValueError(f"there is already an output {name!r}: see {self.line_of(f'outputs.{name}')}")
            _refuse_unknown(template_links(name, value), self._nodes)
            self._warn_of_single_braces(f"outputs.{name}", value)
        self._outputs |= outputs
        self._lines |= dict.fromkeys((f"outputs.{name}" for name in outputs), caller_line())

    def set_inputs(self, schema: dict[str, Any]) -> None:
        """Set the JSON Schema of the inputs."""
        self.fields["input_schema"] = schema
        self._lines["input_schema"] = caller_line()

    def line_of(self, location: str) -> SourceLine:
        """Return the line of the program behind a place in the definition, such as `nodes[2].timeout`."""
        if node := _NODE.match(location):
            return list(self._node_lines.values())[int(node[1])]
        part = _PART.match(location)
        return self._lines.get(part[0] if part else "", self._lines[""])

    def _warn_of_single_braces(self, location: str, value: object) -> None:
        inputs = self.fields.get("input_schema", {}).get("properties", ())
        for place, text in strings(value):
            for _, name, _ in single_braced(text, self._nodes, inputs):
                remedy = "In an f-string, write the value itself, or double the braces again"
                warn_of(f"{location}{place}: {{{name}}} is not a template. {remedy}")

    def _check_id(self, node_id: str) -> None:
        if node_id == INPUT or node_id in NAMED_SOURCES:
            raise ValueError(f"id {node_id!r} is a built-in source of templates. Use another id")
        if node_id in self._nodes:
            raise ValueError(f"id {node_id!r} is already taken: see {self._node_lines[node_id]}")


def _dependencies(node: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """Return the IDs of a node's dependencies: the given ones, then those in its templates, then its target.

    Args:
        node: The node in JSON.
        known: The IDs of the nodes before it.

    Returns:
        The IDs in order, each once.

    Raises:
        ValueError: If a template cannot be parsed, or names a node that hasn't been added yet.
    """
    links = [
        link
        for link in node_links(node)  # in a node of an unknown type, a template may name something specific to the type
        if not (isinstance(link, Link) and link.kind == "mention" and link.target not in known)
    ]
    before = [link.target for link in _refuse_unknown(links, known) if link.kind not in FOLLOWING]
    return list(dict.fromkeys(before))


def _refuse_unknown(links: Iterable[Link | BadTemplate], known: Collection[str]) -> list[Link]:
    """Return the links, after checking that their nodes exist.

    Raises:
        ValueError: If a template cannot be parsed, or names a node that hasn't been added yet.
    """
    checked: list[Link] = []
    for link in links:
        if isinstance(link, BadTemplate):
            raise ValueError(f"{link.location}: {link.reason}")
        if link.target not in known:
            remedy = did_you_mean(link.target, known) or ". Add that node first, and insert what it returned"
            raise ValueError(f"{link.location}: {{{{{link.target}}}}} names no node that exists yet{remedy}")
        checked.append(link)
    return checked
