"""What differs between two definitions.

Before comparing, older spellings become newer ones, and values that equal the default are dropped. Lists of IDs whose
order means nothing are sorted, and templates lose the spaces inside their braces. Nothing is checked: you can compare
definitions that have problems.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pydantic import BaseModel

from fibonacci._texts.text import visible
from fibonacci.definitions.document import Document
from fibonacci.definitions.graph import NODE_LISTS, templated_values
from fibonacci.definitions.json_types import canonical, is_array, is_object
from fibonacci.definitions.node_kinds import is_open, known_type
from fibonacci.definitions.nodes import NODE_MODELS, OpenNode, WorkflowDefinition
from fibonacci.definitions.spellings import respelled
from fibonacci.definitions.templates import unspaced
from fibonacci.definitions.tools import canonical_tool

if TYPE_CHECKING:
    from fibonacci.definitions.authoring.builder import WorkflowBuilder

ChangeKind = Literal["added", "removed", "changed"]
"""How a node or a field differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionChange:
    """One difference between two definitions, as `diff` finds it.

    Example:
        >>> from fibonacci.definitions import diff
        >>> node = {"id": "greet", "type": "llm", "instruction": "Greet"}
        >>> (change,) = diff({"nodes": [node]}, {"nodes": [node | {"temperature": 0.2}]}).changes
        >>> change.kind, change.location, change.old, change.new
        ('changed', 'greet.temperature', None, 0.2)
    """

    kind: ChangeKind
    """How it differs: `added`, `removed` or `changed`. A field with a default is only ever `changed`."""

    location: str
    """The place: a node (`greet`), a field of a node (`greet.params.to`) or of the workflow (`outputs.answer`)."""

    old: Any = None
    """The node or value in the old definition, or None if it was added."""

    new: Any = None
    """The node or value in the new definition, or None if it was removed."""

    node: str | None = None
    """The ID of the node that differs, or None if the difference is in the workflow itself."""


class NormalizedDefinition(NamedTuple):
    """A definition in normal form."""

    fields: dict[str, Any]
    """The fields of the workflow, including its outputs, without its nodes."""

    nodes: dict[str, dict[str, Any]]
    """The nodes by ID. A node without a unique ID is named by its position, such as `nodes[2]`."""


def normalized(definition: Document | WorkflowBuilder | Mapping[str, Any] | BaseModel) -> NormalizedDefinition:
    """Return a definition in normal form.

    Args:
        definition: The definition, as for `diff`.

    Raises:
        DefinitionError: If it has more than 64 levels.
        TypeError: If it isn't a definition.
    """
    fields = _without_defaults(respelled(Document.of(definition).value), workflow_defaults())
    if "outputs" in fields:
        fields["outputs"] = unspaced(fields["outputs"])
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
    for key in ("dependencies",) if is_open(node) else NODE_LISTS:
        if is_array(ids := normal.get(key)):
            normal[key] = sorted(set(map(str, ids)))
    if not is_open(node):  # the braces of an unknown type may mean anything
        normal |= {key: unspaced(value) for key, value in templated_values(normal)}
    if normal.get("type") == "tool" and isinstance(tool := normal.get("tool"), str):
        normal["tool"] = canonical_tool(tool)
    return normal


def _without_defaults(said: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key not in defaults or not same(value, defaults[key])}


def node_defaults(node_type: object) -> Mapping[str, Any]:
    """Return the defaults of a node type's fields. An unknown type has those that all nodes have."""
    known = known_type(node_type)
    return _defaults(NODE_MODELS[known] if known else OpenNode) if isinstance(node_type, str) else {}


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
    """Tell whether two values are the same JSON: 5 equals 5.0, but true doesn't equal 1."""
    if one is None or other is None:  # like most defaults
        return one is other
    return canonical(one) == canonical(other)


def definition_digest(definition: Mapping[str, Any]) -> str:
    """Return the hash of a definition's meaning, without its name and description."""
    return digest_of({**definition, "name": None, "description": None})


def digest_of(definition: Mapping[str, Any]) -> str:
    """Return a hash, which is equal for definitions between which `diff` finds no difference."""
    return f"sha256:{sha256(canonical(normalized(definition)).encode()).hexdigest()}"


_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}
_WIDEST: Final = 60
"""How many characters of a value are shown on one line with the other value. Longer texts are compared line by line."""
_WIDEST_PLACE: Final = 32
_MOST_LINES: Final = 24


def diff_text(changes: Sequence[DefinitionChange]) -> str:
    """Return a line for each difference, followed by a small unified diff for long texts."""
    if not changes:
        return "no differences"
    widths = [len(change.location) for change in changes if not _is_node(change) and not _is_long(change)]
    width = max((width_of_place for width_of_place in widths if width_of_place <= _WIDEST_PLACE), default=0)
    return "\n".join(line for change in changes for line in _lines(change, width + 1))


def _lines(change: DefinitionChange, width: int) -> Iterator[str]:
    start = f"{_SIGNS[change.kind]} {visible(change.location)}"
    if _is_node(change):
        yield f"{start} ({_type_of(change)})"
        return
    start = f"{_SIGNS[change.kind]} {visible(change.location) + ':':{width}}"
    if _is_long(change):
        yield start.rstrip()
        yield from _unified(change.old, change.new)
    elif change.kind == "changed":
        yield f"{start} {_short(change.old)} -> {_short(change.new)}"
    else:
        yield f"{start} {_short(change.new if change.kind == 'added' else change.old)}"


def _is_node(change: DefinitionChange) -> bool:
    return change.node is not None and change.location == change.node


def _type_of(change: DefinitionChange) -> str:
    node = change.new if change.kind == "added" else change.old
    return visible(str(node.get("type", "no type"))) if is_object(node) else "no type"


def _is_long(change: DefinitionChange) -> bool:
    """Tell whether to compare two texts line by line."""
    if not (isinstance(change.old, str) and isinstance(change.new, str)):
        return False
    return any("\n" in text or len(text) > _WIDEST for text in (change.old, change.new))


def _unified(old: str, new: str) -> Iterator[str]:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm=""))[2:]
    if not lines:  # only the line breaks differ
        lines = [f"-{old!r}", f"+{new!r}"]
    yield from (f"    {visible(line)}" for line in lines[:_MOST_LINES])
    if len(lines) > _MOST_LINES:
        yield f"    ... {len(lines) - _MOST_LINES} more lines"


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str | bool | int | float | None) else canonical(value)
    return visible(text if len(text) <= 2 * _WIDEST else f"{text[: 2 * _WIDEST]}...")


# Nested objects are compared entry by entry down to this level, and as a whole below it.
_DEEPEST: Final = 8
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_MISSING: Final = object()


def place_in(location: str, key: str) -> str:
    """Return the place of an entry in the object at a place: `greet.params`, `greet.params['Reply-To']`."""
    return f"{location}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{location}[{key!r}]"


_Nodes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionDiff:
    """The differences between two definitions, as `diff` finds them.

    It is false if there are none, and prints one line for each difference.

    Example:
        >>> greeter = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet"}]}
        >>> found = diff(greeter, greeter | {"timeout": 60})
        >>> print(bool(found), found)
        True ~ timeout: None -> 60
    """

    changes: tuple[DefinitionChange, ...] = ()
    """The differences: first those of the workflow, then those of its nodes, then those of its outputs."""

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        return diff_text(self.changes)


def diff(
    old: Document | WorkflowBuilder | Mapping[str, Any] | BaseModel,
    new: Document | WorkflowBuilder | Mapping[str, Any] | BaseModel,
) -> DefinitionDiff:
    """Compare two definitions by what they mean, not by how they are written.

    These are the same:

    - an older and a newer spelling of a field
    - a default, written out or left out
    - a template with and without spaces inside its braces
    - the same nodes, dependencies or branches in another order

    The definitions don't have to be valid.

    Args:
        old: A definition: a `Document`, a `WorkflowBuilder`, a `WorkflowDefinition` or plain JSON.
        new: The definition to compare with it, in any of these forms.

    Returns:
        The differences. They are falsy if the two definitions mean the same.

    Raises:
        DefinitionError: If one of them has more than 64 levels, or contains itself.
        TypeError: If one of them is none of these.

    Example:
        >>> old = {"nodes": [{"id": "greet", "type": "llm", "prompt": "Greet"}]}
        >>> new = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet", "temperature": 0.2}]}
        >>> print(diff(old, new))
        ~ greet.temperature: None -> 0.2
    """
    before, after = normalized(old), normalized(new)
    defaults = workflow_defaults()
    outputs = [side.fields.pop("outputs", None) for side in (before, after)]
    changes = [
        *_fields(None, "", _GivenFields(before.fields, defaults), _GivenFields(after.fields, defaults)),
        *_nodes(before.nodes, after.nodes),
        *_differences(None, "outputs", *outputs),
    ]
    return DefinitionDiff(changes=tuple(changes))


class _GivenFields(NamedTuple):
    """The fields of the workflow or of one of its nodes, and their defaults."""

    fields: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def get(self, name: str) -> Any:
        """Return the value of a field, else its default, else `_MISSING`."""
        return self.fields.get(name, self.defaults.get(name, _MISSING))


def _nodes(before: _Nodes, after: _Nodes) -> Iterator[DefinitionChange]:
    for node_id, node in after.items():
        old = before.get(node_id)
        if old is None:
            yield DefinitionChange(kind="added", location=node_id, new=node, node=node_id)
        else:
            given = (_GivenFields(side, node_defaults(side.get("type"))) for side in (old, node))
            yield from _fields(node_id, f"{node_id}.", *given)
    for node_id, node in before.items():
        if node_id not in after:
            yield DefinitionChange(kind="removed", location=node_id, old=node, node=node_id)


def _fields(node: str | None, prefix: str, old: _GivenFields, new: _GivenFields) -> Iterator[DefinitionChange]:
    for name in dict.fromkeys([*new.fields, *old.fields]):
        yield from _differences(node, prefix + name, old.get(name), new.get(name))


def _differences(node: str | None, location: str, old: Any, new: Any, depth: int = 0) -> Iterator[DefinitionChange]:
    """Yield how two values differ: entry by entry if both are objects, otherwise as a whole."""
    if is_object(old) and is_object(new) and depth < _DEEPEST:
        for key in dict.fromkeys([*new, *old]):
            values = old.get(key, _MISSING), new.get(key, _MISSING)
            yield from _differences(node, place_in(location, key), *values, depth + 1)
    elif old is _MISSING:
        yield DefinitionChange(kind="added", location=location, new=new, node=node)
    elif new is _MISSING:
        yield DefinitionChange(kind="removed", location=location, old=old, node=node)
    elif not same(old, new):
        yield DefinitionChange(kind="changed", location=location, old=old, new=new, node=node)
