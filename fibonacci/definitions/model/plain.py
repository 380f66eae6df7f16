"""Plain JSON from what holds a definition: a mapping, or a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any

from pydantic import BaseModel

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.model.spellings import Generation, conflicts, older_keys, to_newer, to_older
from fibonacci.definitions.problems import Problem, Problems
from fibonacci.errors import DefinitionError


def to_plain(definition: Mapping[str, Any] | BaseModel, *, generation: Generation = "newer") -> dict[str, Any]:
    """Return a definition as plain JSON: dictionaries, lists, texts and numbers, with the keys in their own order.

    It need not be valid. Defaults are not added, and unknown keys are kept.

    Args:
        definition: A `WorkflowDefinition`, or a definition as JSON, which may hold models.
        generation: Which spelling to write; see `Generation`. Either is read.

    Returns:
        A new dictionary by the keys of the definition. It shares no list and no dictionary with the argument.

    Raises:
        DefinitionError: If a field of a node differs in its two spellings.
        TypeError: If the definition is neither a mapping nor a model of one.
        ValueError: If it holds itself, or for another generation.

    Example:
        >>> to_plain({"nodes": [{"id": "a", "type": "llm", "prompt": "Hello"}]})
        {'nodes': [{'id': 'a', 'type': 'llm', 'instruction': 'Hello'}]}
    """
    if generation not in ("newer", "older"):
        raise ValueError(f"{generation!r} is not a generation; use 'newer' or 'older'")
    result = plain_object(definition)
    nodes = result.get("nodes")
    if is_array(nodes):
        _refuse_conflicts(nodes)
        respell = to_newer if generation == "newer" else to_older
        result["nodes"] = [respell(node) if is_object(node) else node for node in nodes]
    return result


def plain_object(definition: object) -> dict[str, Any]:
    """Return a definition as plain JSON in the spelling that it has.

    Raises:
        TypeError: If it is neither a mapping nor a model of a definition; the message says what to pass.
        ValueError: If it holds itself.
    """
    plain = unwrapped(definition) if may_be_definition(definition) else None
    if not is_object(plain):
        kind = type(definition).__name__
        raise TypeError(f"a definition is a mapping or a WorkflowDefinition, not {kind}{remedy(definition)}")
    return dict(plain)


def may_be_definition(value: object) -> bool:
    """Tell whether a value is a mapping, or a model with nodes."""
    return is_object(value) or (isinstance(value, BaseModel) and "nodes" in type(value).model_fields)


def remedy(value: object) -> str:
    """Return the end of a message about a value that is no definition, but can lead to one; else the empty text."""
    if isinstance(value, str | PathLike):
        return "; load(path) reads a file"
    fields = type(value).model_fields if isinstance(value, BaseModel) else ()
    has_definition = "definition" in fields or hasattr(type(value), "definition")  # a `Workflow`, a `WorkflowBuilder`
    return "; use its .definition" if has_definition else ""


def _set_fields(model: BaseModel) -> object:
    return model.model_dump(exclude_unset=True, warnings=False)


def unwrapped(value: object, dump: Callable[[BaseModel], object] = _set_fields) -> object:
    """Return a value with its mappings as dictionaries, its arrays as lists and its models as they are dumped.

    Whatever else it holds stays as it is.

    Args:
        value: The value.
        dump: What is made of a model; by default its set fields.

    Raises:
        ValueError: If it holds itself.
    """
    root: list[object] = [None]
    # A stack, since the value may be deeper than recursion allows: what to convert, and where the result belongs. An
    # entry without a place marks the end of a container.
    pending: list[tuple[object, Any, Any]] = [(value, root, 0)]
    open_containers: set[int] = set()
    while pending:
        item, owner, place = pending.pop()
        if owner is None:
            open_containers.discard(id(item))
            continue
        if isinstance(item, BaseModel):
            item = dump(item)
        if not (is_object(item) or is_array(item)):
            owner[place] = item
            continue
        if id(item) in open_containers:
            raise ValueError("a value that holds itself has no JSON form: remove the reference to itself")
        open_containers.add(id(item))
        pending.append((item, None, None))
        result: Any = dict.fromkeys(item) if is_object(item) else [None] * len(item)
        owner[place] = result
        entries = item.items() if is_object(item) else enumerate(item)
        pending.extend((entry, result, key) for key, entry in entries)
    return root[0]


def _refuse_conflicts(nodes: Any) -> None:
    problems = Problems(
        Problem(
            location=f"nodes[{index}].{'.'.join(conflict.older)}",
            code="conflicting_spellings",
            message=conflict.message,
        )
        for index, node in enumerate(nodes)
        if is_object(node)
        for conflict in conflicts(node, older_keys(node))
    )
    if problems:
        raise DefinitionError(problems)
