"""Templates as texts: what a node gives, and the fields and items of it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, SupportsIndex

from fibonacci.definitions.authoring import value_types
from fibonacci.definitions.authoring.source_lines import caller_line

_KEY = re.compile(r"[^\s.{}]+")


class Template(str):
    """A text that is one template, such as `{{classify.urgency}}`.

    It stands for a value that a run has. An f-string and `+` insert the template. What would need the value is refused
    while the workflow is built: the methods of texts, `in` and iteration. `len`, and a comparison by `==` with anything
    but templates, give a warning.

    Example:
        >>> from fibonacci import WorkflowBuilder
        >>> search = WorkflowBuilder("news").tool("search", "web_search", {"query": "tides"})
        >>> f"Summarize: {search[0]['title']}"
        'Summarize: {{search.0.title}}'
    """

    builder: object
    """The `WorkflowBuilder` that the template belongs to."""

    value_type: object
    """The type of the value in Python; Any if it is not known."""

    def __new__(cls, path: str, builder: object, value_type: object) -> Self:
        """Make the template of a path, such as `classify.urgency`."""
        template = super().__new__(cls, f"{{{{{path}}}}}")
        template.builder = builder
        template.value_type = value_type
        return template

    def __getitem__(self, key: str | SupportsIndex | slice[Any, Any, Any]) -> Template:
        """Return the template of a field, by its name in JSON, or of an item of a list, by its index."""
        part = value_types.item(self.value_type, part_key(self, key), str(self))
        return Template(f"{path_of(self)}.{part.name}", self.builder, part.type)

    if not TYPE_CHECKING:  # which would take every attribute for one that exists

        def __getattr__(self, name: str) -> NoReturn:
            field = "" if name[:1] == "_" else f"; write [{name!r}] for a field of what it gives"
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{field}", name=name)

    def __format__(self, spec: str) -> str:
        check_format(self, spec)
        return str(self)

    def __eq__(self, other: object) -> bool:
        warn_of_comparison(self, other)
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        warn_of_comparison(self, other)
        return str.__ne__(self, other)

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        warn_of(f"len() counts the letters of {self}, not what the run has; use flow.when(...)")
        return len(str(self))  # not refused: tools that show variables, such as rich, measure every text

    def __repr__(self) -> str:
        return repr(str(self))  # pprint takes apart whatever has the repr of texts

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)  # a copy belongs to no builder


class NodeHandle(Template):
    """A node of a `WorkflowBuilder`, and the template of what it gives, such as `{{classify}}`.

    The methods `llm`, `tool`, `critic` and `when` of the builder return one.

    Example:
        >>> from fibonacci import WorkflowBuilder
        >>> node = WorkflowBuilder("news").tool("search", "web_search", {"query": "tides"})
        >>> node.id, f"Summarize: {node}"
        ('search', 'Summarize: {{search}}')
    """

    @property
    def id(self) -> str:
        """The id of the node, as it was given to the builder."""
        return path_of(self)


def path_of(template: object) -> str:
    """Return the path of a template, such as `classify.urgency`."""
    return str(template)[2:-2]


def part_key(value: object, key: object) -> str | int:
    """Return the key of a part of a value.

    Raises:
        TypeError: If the key is neither a name nor an index.
        ValueError: If it cannot stand in a template.
    """
    if isinstance(key, slice):
        raise TypeError(f"{value} cannot be sliced: a template names one item, such as [0]")
    if isinstance(key, str):
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} cannot stand in a template: no dots, spaces and braces; go deeper by [...][...]")
        return str(key)
    if isinstance(key, bool) or not isinstance(key, SupportsIndex):
        raise TypeError(f"the key of a part of {value} is a name or an index, not {type(key).__name__}")
    if (index := key.__index__()) < 0:
        raise ValueError(f"{value}[{index}]: a template counts the items of a list from 0, at its beginning")
    return index


def check_format(value: object, spec: str) -> None:
    """Refuse to format a value that is not known yet."""
    if spec:
        refuse(value, f"the format {spec!r}")


def refuse(value: object, what: str) -> NoReturn:
    """Refuse what needs a value that only a run has."""
    raise TypeError(
        f"{what} cannot apply to {value}, whose value is known only when the workflow runs; ask for it in the "
        "instruction of a node, or decide by flow.when(...)"
    )


def warn_of_comparison(value: object, other: object) -> None:
    """Warn when a value that only a run has is compared with one that is known now."""
    if isinstance(other, int | float) or (isinstance(other, str) and str(other) and "{{" not in str(other)):
        warn_of(f"{value} == {other!r} compares while the workflow is built, and is False; use flow.when(...)")


def warn_of(message: str) -> None:
    """Warn in the line of the author's program."""
    line = caller_line()
    warnings.warn_explicit(message, UserWarning, line.file, line.line)


def _refused(name: str, shown: str) -> Callable[..., NoReturn]:
    def method(self: Template, *args: object, **named: object) -> NoReturn:
        refuse(self, shown)

    method.__name__ = name
    return method


_OPERATIONS: Final = {
    "__contains__": "the operator 'in'",
    "__iter__": "iteration",
    "__mul__": "the operator '*'",
    "__rmul__": "the operator '*'",
}
# As a text a template has them all; they would return parts of its name, or something about it, in silence. `encode`
# and `join` take a text as it is.
_METHODS: Final = {name: f"{name}()" for name in dir(str) if name[0] != "_" and name not in ("encode", "join")}
for _name, _shown in (_OPERATIONS | _METHODS).items():
    setattr(Template, _name, _refused(_name, _shown))
