"""What a workflow says that has no effect, although all its keys are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fibonacci.definitions import ConditionalNode, LLMNode, Node, OpenNode, Problem, ToolNode
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.tool_names import canonical_tool
from fibonacci.emulator.engine.default_nodes import MEMORY_SET
from fibonacci.emulator.engine.memory import unused_owners

_RETRIES: Final = ("max_retries", "retry_delay")
_ALONE: Final = ("is_empty", "is_not_empty")


def fields_without_effect(nodes: Sequence[Node], categories: object = None) -> Iterator[Problem]:
    """Yield the fields of valid nodes, and the categories of a definition, that do not do what they say.

    Args:
        nodes: The nodes, in the order of the definition.
        categories: The categories that the definition names, if any.
    """
    if categories is not None and not (is_array(categories) and all(isinstance(name, str) for name in categories)):
        yield _problem("categories", "is not a list of texts: the workflow has no category by it")
    for index, node in enumerate(nodes):
        place = f"nodes[{index}]"
        yield from _retries(node, place)
        yield from _operands(node, place)
        yield from _keys(node, place)
        if isinstance(node, ToolNode) and canonical_tool(node.tool) == MEMORY_SET:
            for name in unused_owners(node.params.get("scope", "workflow"), node.params):
                yield _problem(f"{place}.params.{name}", f"{name} is not read with this scope")


def _retries(node: Node, place: str) -> Iterator[Problem]:
    given = set[str]() if isinstance(node, OpenNode) else node.model_fields_set
    for name in _RETRIES if "enable_retry" not in given else ():
        if name in given:
            yield _problem(f"{place}.{name}", f"{name} does nothing without 'enable_retry': true")


def _operands(node: Node, place: str) -> Iterator[Problem]:
    condition = node.condition if isinstance(node, LLMNode | ToolNode) else None
    if condition is not None and condition.operator not in _ALONE and "value" not in condition.model_fields_set:
        yield _problem(f"{place}.condition.value", f"it is missing, so that {condition.operator} compares with null")
    if isinstance(node, ConditionalNode) and node.operator not in _ALONE and "right_value" not in node.model_fields_set:
        yield _problem(f"{place}.right_value", f"it is missing, so that {node.operator} compares with null")


def _keys(node: Node, place: str) -> Iterator[Problem]:
    """Yield keys of memory that no value can have, and templates where none are rendered."""
    if isinstance(node, ToolNode):
        yield from _templates_in_keys(node.params, f"{place}.params")
    if isinstance(node, LLMNode):
        for field, keys in (("memory_read", node.memory_read), ("memory_write", node.memory_write)):
            for key in keys:
                if not key:
                    yield _problem(f"{place}.{field}", "the empty text is the key of no value in memory")
                elif "{{" in key:
                    yield _problem(f"{place}.{field}", f"{key!r} is a key as it stands: templates are in values only")


def _templates_in_keys(value: Any, place: str) -> Iterator[Problem]:
    if is_object(value):
        for key, entry in value.items():
            if "{{" in key:
                yield _problem(place, f"{key!r} is a key as it stands: templates are in values only")
            yield from _templates_in_keys(entry, f"{place}.{key}")
    elif is_array(value):
        for index, element in enumerate(value):
            yield from _templates_in_keys(element, f"{place}[{index}]")


def _problem(place: str, message: str) -> Problem:
    return Problem(location=place, code="no_effect", message=message, severity="warning")
