"""Templates: what stands for a value that only a run has; a node is the template of what it gives."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, Self, SupportsIndex, cast

from typing_extensions import TypeVar

from fibonacci.definitions.authoring import value_types
from fibonacci.definitions.authoring.caller import caller_line

OutputT_co = TypeVar("OutputT_co", covariant=True, default=Any)

_KEY: Final = re.compile(r"[^\s.{}]+")


class Template:
    """A value that only a run has, printed as the template that the platform replaces by it: `{{classify.urgency}}`.

    It can be used wherever the builder takes a text or JSON, also as an item of a list or a value of a dict, and
    f-strings and `+` insert it into a text. Where the value has fields and items, so has the template. While the
    workflow is built the value isn't known, so that conditions, comparisons, iteration and arithmetic are errors.
    Comparing by `==` with anything but a template warns.

    Example:
        >>> from fibonacci import WorkflowBuilder
        >>> search = WorkflowBuilder("news").tool("search", "web_search", {"query": "tides"})
        >>> f"Summarize: {search[0]['title']}"
        'Summarize: {{search.0.title}}'
    """

    __slots__ = ("_owner", "_path", "_value_type")  # a public name would hide a field of that name

    _path: str
    _owner: object
    _value_type: object

    def __new__(cls, path: str, owner: object, value_type: object = Any) -> Self:
        """Make the template of a path, such as `classify.urgency`, for a builder."""
        template = super().__new__(cls)
        template._path = path
        template._owner = owner
        template._value_type = value_type
        return template

    def __getitem__(self, key: str | SupportsIndex | slice[Any, Any, Any]) -> Template:
        """Return the template of a field, by its name in JSON, or of an item of a list, by its index."""
        return self._of(value_types.item(self._value_type, _part_key(self, key), str(self)))

    if not TYPE_CHECKING:  # which would take every attribute for one that exists

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):  # no field, but a protocol of Python's or a notebook's, which asks at any time
                raise AttributeError(f"{type(self).__name__} has no attribute {name!r}", name=name)
            return self._of(value_types.field(self._value_type, name, str(self)))

    def __dir__(self) -> Iterable[str]:
        return value_types.field_names(self._value_type)

    def __str__(self) -> str:
        return f"{{{{{self._path}}}}}"

    def __repr__(self) -> str:
        return str(self)

    def __format__(self, spec: str) -> str:
        return refuse(self, f"the format {spec!r}") if spec else str(self)

    def __add__(self, other: str) -> str:
        return str(self) + _joined(other, self)

    def __radd__(self, other: str) -> str:
        return _joined(other, self) + str(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str | int | float):
            warn_of(f"{self} == {other!r} compares while the workflow is built, and is False; use flow.when(...)")
        return isinstance(other, Template) and (self._path, self._owner) == (other._path, other._owner)

    def __hash__(self) -> int:
        return hash(self._path)

    def __bool__(self) -> NoReturn:
        refuse(self, "a condition in Python")

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)  # a copy belongs to no builder

    def _of(self, part: value_types.Part) -> Template:
        path = f"{self._path}.{part.name}" if part.name else self._path
        return Template(path, self._owner, part.type)


class NodeHandle(Template, Generic[OutputT_co]):
    """A node of a `WorkflowBuilder`, and the template of what it gives, such as `{{classify}}`.

    The methods `llm`, `tool`, `critic` and `when` of the builder return one.

    Example:
        >>> from fibonacci import WorkflowBuilder
        >>> node = WorkflowBuilder("news").tool("search", "web_search", {"query": "tides"})
        >>> node.id, f"Summarize: {node}"
        ('search', 'Summarize: {{search}}')
    """

    __slots__ = ()

    @property
    def id(self) -> str:
        """The id of the node, as it was given to the builder."""
        return self._path

    @property
    def output(self) -> OutputT_co:
        """What the node gives, as a template with its fields. For type checkers it is an instance of their model.

        Example:
            >>> from pydantic import BaseModel
            >>> from fibonacci import WorkflowBuilder
            >>> class Verdict(BaseModel):
            ...     urgency: str
            >>> classify = WorkflowBuilder("triage").llm("classify", "Is it urgent?", output_schema=Verdict)
            >>> print(classify.output.urgency)
            {{classify.urgency}}
        """
        return cast("OutputT_co", Template(self._path, self._owner, self._value_type))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            field = "" if name[:1] == "_" else f"; write .output.{name} for a field of what it gives"
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{field}", name=name)

    def __dir__(self) -> Iterable[str]:
        return [name for name in vars(type(self)) | vars(NodeHandle) if not name.startswith("_")]


def belongs_to(template: Template, owner: object) -> bool:
    """Tell whether a template is one of the nodes or inputs of a builder."""
    return template._owner is owner  # pyright: ignore[reportPrivateUsage]  # no public name may hide a field


def refuse(value: object, what: str) -> NoReturn:
    """Refuse what needs a value that only a run has."""
    raise TypeError(
        f"{what} cannot apply to {value}, whose value is known only when the workflow runs; insert it into a text, "
        "ask for it in the instruction of a node, or decide by flow.when(...)"
    )


def warn_of(message: str) -> None:
    """Warn in the line of the author's program."""
    line = caller_line()
    warnings.warn_explicit(message, UserWarning, line.file, line.line)


def _joined(other: object, template: Template) -> str:
    """Return a text that is joined with a template; type checkers take many a template for a number."""
    return other if isinstance(other, str) else refuse(template, "the operator '+'")


def _part_key(value: object, key: object) -> str | int:
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


def _refused(what: str) -> Callable[..., NoReturn]:
    def method(self: Template, *_: object) -> NoReturn:
        refuse(self, what)

    return method


# Type checkers do not see these methods, and report what would call them.
_OPERATIONS: Final = {"__contains__": "the operator 'in'", "__iter__": "iteration", "__len__": "len()"} | {
    f"__{name}__": f"the operator {sign!r}" for name, sign in {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items()
}
for _name, _what in _OPERATIONS.items():
    setattr(Template, _name, _refused(_what))
