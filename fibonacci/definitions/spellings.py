"""The two generations of spelling: which older key matches which newer one, and definitions in either.

The newer spelling is that of the models. Both generations of the documentation are read. A field that is given in both
spellings must have the same value in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import BaseModel

from fibonacci.definitions.document import Document
from fibonacci.definitions.json_types import is_array, is_number, is_object
from fibonacci.definitions.node_kinds import OLDER_KEYS, is_open, known_type
from fibonacci.definitions.problems import Problem, Problems
from fibonacci.errors import DefinitionError

if TYPE_CHECKING:
    from fibonacci.definitions.authoring.builder import WorkflowBuilder

Generation = Literal["newer", "older"]
"""Which of the platform's two spellings of keys to write: `newer` (such as `instruction`) or `older` (such as
`prompt`)."""


class Conflict(NamedTuple):
    """Two spellings of one field with different values."""

    older: tuple[str, ...]
    """The path of the older key inside the node, such as `("retry", "delay")`."""

    newer: str
    """The newer key."""

    value: Any
    """The value of the older key."""

    @property
    def message(self) -> str:
        """The problem in words."""
        return (
            f"{'.'.join(self.older)!r} and {self.newer!r} are the same field with different values. Remove one of them"
        )


def older_keys(node: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the older keys of a node by the newer ones, or none for a node of an unknown type."""
    node_type = known_type(node.get("type"))
    return {} if node_type is None else OLDER_KEYS[node_type]


def conflicts(node: Mapping[str, Any], keys: Mapping[str, str]) -> list[Conflict]:
    """Return the fields of a node that are given in both spellings with different values.

    Args:
        node: The node.
        keys: Its older keys by the newer ones.
    """
    conflicts = [
        Conflict((older,), newer, node[older])
        for newer, older in keys.items()
        if older in node and newer in node and node[older] != node[newer]
    ]
    retry = node.get("retry")
    if is_object(retry) and not is_open(node):
        said = [((), "enable_retry", True), *(((older,), newer, value) for older, newer, value in _newer_retry(retry))]
        conflicts += [
            Conflict(("retry", *path), newer, value)
            for path, newer, value in said
            if newer in node and node[newer] != value
        ]
    return conflicts


def without_repeats(node: Mapping[str, Any], keys: Mapping[str, str]) -> Mapping[str, Any]:
    """Return a node without the older keys that repeat a newer one."""
    repeated = {older for newer, older in keys.items() if older in node and newer in node}
    return {key: value for key, value in node.items() if key not in repeated} if repeated else node


def split_retry(retry: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split `retry` into what the newer keys can express, and the rest: its backoff and unknown keys.

    `max_attempts` includes the first attempt, but `max_retries` doesn't.
    """
    newer: dict[str, Any] = {"enable_retry": True}
    rest = dict(retry)
    for older, key, value in _newer_retry(retry):
        newer[key] = value
        del rest[older]
    return newer, rest


def _newer_retry(retry: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield the older key, the newer key and the newer value for everything that both generations can express."""
    attempts = retry.get("max_attempts")
    if is_number(attempts):
        yield "max_attempts", "max_retries", attempts - 1
    if "delay" in retry:
        yield "delay", "retry_delay", retry["delay"]


def to_newer(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node in the newer spelling. Keys keep their place, and a node of an unknown type stays as it is."""
    if is_open(node):
        return dict(node)
    renamed = {older: newer for newer, older in older_keys(node).items()}
    result = {renamed.get(key, key): value for key, value in node.items()}
    retry = result.get("retry")
    if not is_object(retry):
        return result
    newer, rest = split_retry(retry)
    return _replaced(result, "retry", newer | ({"retry": rest} if rest else {}))


def to_older(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node in the older spelling. Keys keep their place, and what has no older spelling stays as it is."""
    if is_open(node):
        return dict(node)
    renamed = older_keys(node)
    result = {renamed.get(key, key): value for key, value in node.items()}
    if result.get("enable_retry") is not True:
        return result  # the older spelling can't express a delay without retries
    retry: dict[str, Any] = {}
    retries = result.get("max_retries")
    if is_number(retries):
        retry["max_attempts"] = result.pop("max_retries") + 1
    if "retry_delay" in result:
        retry["delay"] = result.pop("retry_delay")
    rest = result.pop("retry", None)
    return _replaced(result, "enable_retry", {"retry": retry | (dict(rest) if is_object(rest) else {})})


def _replaced(node: Mapping[str, Any], key: str, by: Mapping[str, Any]) -> dict[str, Any]:
    """Replace one key of a node with others at its position. They also replace existing keys with the same names."""
    result: dict[str, Any] = {}
    for name, value in node.items():
        if name == key:
            result.update(by)
        elif name not in by:
            result[name] = value
    return result


def to_plain(
    definition: Document | WorkflowBuilder | Mapping[str, Any] | BaseModel, *, generation: Generation = "newer"
) -> dict[str, Any]:
    """Return a definition as plain JSON: dictionaries, lists, texts and numbers, with the keys in their original order.

    The definition doesn't have to be valid. Defaults aren't added, and unknown keys are kept.

    Args:
        definition: A `WorkflowBuilder`, a `WorkflowDefinition`, or a dict with the keys of a definition's JSON, whose
            nodes may be dicts or objects such as `LLMNode`.
        generation: Which of the platform's two spellings to write: `newer` (such as `instruction`) or `older` (such as
            `prompt`). The definition may have either.

    Returns:
        A new dictionary with the keys of the definition. It shares no list or dictionary with the argument.

    Raises:
        DefinitionError: If a field of a node has different values in its two spellings. Also if the definition has a
            value that has no JSON form, or more than 64 levels.
        TypeError: If the definition is none of these.
        ValueError: If the generation doesn't exist.

    Example:
        >>> to_plain({"nodes": [{"id": "a", "type": "llm", "prompt": "Hello"}]})
        {'nodes': [{'id': 'a', 'type': 'llm', 'instruction': 'Hello'}]}
    """
    if generation not in ("newer", "older"):
        raise ValueError(f"{generation!r} is not a generation. Use 'newer' or 'older'")
    document = Document.of(definition.value if isinstance(definition, Document) else definition)  # nothing is shared
    problems = Problems([*document.problems, *_conflicts_of(document)])
    if problems.errors:
        raise DefinitionError(problems)
    return respelled(document.value, generation)


def respelled(definition: dict[str, Any], generation: Generation = "newer") -> dict[str, Any]:
    """Return a definition in one generation's spelling, without nodes whose spellings contradict each other."""
    nodes = definition.get("nodes")
    if not is_array(nodes):
        return definition
    respell = to_newer if generation == "newer" else to_older
    return definition | {
        "nodes": [
            respell(node) if is_object(node) and not conflicts(node, older_keys(node)) else node for node in nodes
        ]
    }


def _conflicts_of(document: Document) -> list[Problem]:
    nodes: Any = document.value.get("nodes")
    return [
        Problem(
            location=f"nodes[{index}].{'.'.join(conflict.older)}",
            code="conflicting_spellings",
            message=conflict.message,
        )
        for index, node in enumerate(nodes if is_array(nodes) else ())
        if is_object(node)
        for conflict in conflicts(node, older_keys(node))
    ]
