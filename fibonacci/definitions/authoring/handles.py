"""Nodes, branches and templates as Python values that know what a node returns."""

from __future__ import annotations

import re
import typing
import warnings
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from contextlib import AbstractContextManager
from dataclasses import is_dataclass
from types import NoneType, TracebackType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    NamedTuple,
    NoReturn,
    Self,
    SupportsIndex,
    TypeGuard,
    Union,
    cast,
    get_args,
    get_origin,
)

import typing_extensions
from pydantic import AliasChoices, BaseModel, RootModel
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from typing_extensions import TypeVar

from fibonacci._texts.suggestions import did_you_mean
from fibonacci.definitions.authoring.caller import caller_line
from fibonacci.definitions.nodes import ConditionalOutput

_ALIASES = (typing_extensions.TypeAliasType, getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType))
_UNIONS: Final = (Union, UnionType)
_LISTS: Final = (list, tuple, Sequence, MutableSequence)
_OBJECTS: Final = (dict, Mapping, MutableMapping)
_WITHOUT_PARTS: Final = (str, int, float, bool)


class Part(NamedTuple):
    """A field or an item of a value."""

    name: str
    """The name in a template: the field's name in JSON, or the index in a list. Empty if the value is its own part."""

    type: object
    """The type of the part, or Any if unknown."""


def bare(annotation: object) -> object:
    """Strip `Annotated`, `| None` and aliases from a type."""
    while True:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if isinstance(annotation, _ALIASES):
            annotation = cast("Any", annotation).__value__
        elif origin is Annotated:
            annotation = arguments[0]
        elif origin in _UNIONS and len(rest := [argument for argument in arguments if argument is not NoneType]) == 1:
            annotation = rest[0]
        else:
            return annotation


def is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    """Whether a type is a Pydantic model."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def field_names(annotation: object) -> list[str]:
    """Return the names of the fields of a value, or none if its type has none or they are unknown."""
    return list(annotation.model_fields) if is_model(annotation) else []


def field(annotation: object, name: str, of: str) -> Part:
    """Return what an attribute of a value is.

    Args:
        annotation: The type of the value.
        name: The name of the attribute in Python.
        of: The template of the value, for messages.

    Returns:
        The part. Its name is the one in JSON.

    Raises:
        AttributeError: If the type has no such field.
    """
    if not is_model(annotation):
        if not _may_have_attributes(annotation):
            known = f"{of} is of type {_type_name(annotation)}, and its value is known only when the workflow runs"
            raise AttributeError(
                f"{known}, so {name!r} is not available here. Ask in the instruction of a node, or use flow.when(...)",
                name=name,
            )
        return Part(name, Any)
    field = annotation.model_fields.get(name)
    if name == "root" and issubclass(annotation, RootModel):
        return Part("", bare(annotation.model_fields["root"].annotation))
    if field is not None:
        return Part(_wire_name(name, field), bare(field.annotation))
    if annotation.model_config.get("extra") == "allow":
        return Part(name, Any)
    raise AttributeError(f"{of} has no field {name!r}{_known(name, annotation.model_fields, annotation)}", name=name)


def item(annotation: object, key: str | int, of: str) -> Part:
    """Return what an item of a value is.

    Args:
        annotation: The type of the value.
        key: The name of a field in JSON, or the index of a list item.
        of: The template of the value, for messages.

    Returns:
        The part.

    Raises:
        TypeError: If the key is an index but the value isn't a list, or the other way around.
        ValueError: If the type has no such field.
    """
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if origin in _WITHOUT_PARTS:
        raise TypeError(f"{of} is of type {_type_name(origin)}, which has no fields and no items")
    if origin in _LISTS:
        if isinstance(key, str) and not key.isdecimal():
            raise TypeError(f"{of} is a list: pass the index of an item, such as [0], not {key!r}")
        return Part(str(key), bare(_item_type(arguments, int(key))))
    if is_model(annotation):
        return _field_on_the_wire(annotation, key, of)
    return Part(str(key), bare(arguments[1]) if origin in _OBJECTS and len(arguments) == 2 else Any)


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a model, with its fields named as in JSON.

    Raises:
        ValueError: If the model has no JSON Schema.
    """
    try:
        return model.model_json_schema()
    except PydanticUserError as error:
        raise ValueError(f"{model.__name__} has no JSON Schema: {error.message}") from error


def _wire_name(name: str, field: FieldInfo) -> str:
    """Return the name of a field in JSON, which is also its name in the model's JSON Schema."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return next((choice for choice in alias.choices if isinstance(choice, str)), name)
    return alias if isinstance(alias, str) else name


def _may_have_attributes(annotation: object) -> bool:
    """Tell whether the parts of a value can be read as attributes. If its type is unknown, they can."""
    if get_origin(annotation) in _UNIONS:
        return any(map(_may_have_attributes, get_args(annotation)))
    return annotation is Any or annotation is object or is_model(annotation) or is_dataclass(annotation)


def _type_name(annotation: object) -> str:
    return str(getattr(annotation, "__name__", annotation))


def _item_type(arguments: tuple[Any, ...], index: int) -> object:
    if len(arguments) == 1 or (len(arguments) == 2 and arguments[1] is Ellipsis):
        return arguments[0]
    return arguments[index] if index < len(arguments) else Any


def _field_on_the_wire(model: type[BaseModel], key: str | int, of: str) -> Part:
    if issubclass(model, RootModel):
        return item(bare(model.model_fields["root"].annotation), key, of)
    fields = {_wire_name(name, field): field for name, field in model.model_fields.items()}
    if key in fields:
        return Part(str(key), bare(fields[str(key)].annotation))
    if model.model_config.get("extra") == "allow":
        return Part(str(key), Any)
    raise ValueError(f"{of} has no {key!r}{_known(str(key), fields, model)}")


def _known(name: str, known: Mapping[str, object], model: type[BaseModel]) -> str:
    return did_you_mean(name, known) or f". {model.__name__} has {', '.join(known) or 'no fields'}"


OutputT_co = TypeVar("OutputT_co", covariant=True, default=Any)

_KEY: Final = re.compile(r"[^\s.{}]+")


class Template:
    """A placeholder for a value that exists only in a run, printed as a template such as `{{classify.urgency}}`.

    The platform replaces the template with the value. You can use it wherever the builder takes a text or JSON,
    including the items of a list and the values of a dict. An f-string or `+` inserts it into a text. If the value has
    fields or items, so does the template.

    While you build the workflow, the value isn't known. Therefore `if`, `<`, `in`, `for` and arithmetic with a template
    raise an error. Comparing one to a string or a number with `==` only warns.

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
        return self._of(item(self._value_type, _part_key(self, key), str(self)))

    if not TYPE_CHECKING:  # type checkers would think that every attribute exists

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):  # not a field, but a protocol that Python or a notebook may look up at any time
                raise AttributeError(f"{type(self).__name__} has no attribute {name!r}", name=name)
            return self._of(field(self._value_type, name, str(self)))

    def __dir__(self) -> Iterable[str]:
        return field_names(self._value_type)

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
            warn_of(
                f"{self} == {other!r} is compared while the workflow is built, and is always False. Use flow.when(...)"
            )
        return isinstance(other, Template) and (self._path, self._owner) == (other._path, other._owner)

    def __hash__(self) -> int:
        return hash(self._path)

    def __bool__(self) -> NoReturn:
        refuse(self, "a condition in Python")

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)  # a copy belongs to no builder

    def _of(self, part: Part) -> Template:
        path = f"{self._path}.{part.name}" if part.name else self._path
        return Template(path, self._owner, part.type)


class NodeHandle(Template, Generic[OutputT_co]):
    """A node of a `WorkflowBuilder`, which is also the template of its output, such as `{{classify}}`.

    You get one from the builder's methods `llm`, `tool`, `critic`, `node` and `when`.

    Example:
        >>> from fibonacci import WorkflowBuilder
        >>> node = WorkflowBuilder("news").tool("search", "web_search", {"query": "tides"})
        >>> node.id, f"Summarize: {node}"
        ('search', 'Summarize: {{search}}')
    """

    __slots__ = ()

    @property
    def id(self) -> str:
        """The ID that you gave the node in the builder."""
        return self._path

    @property
    def output(self) -> OutputT_co:
        """The output of the node, as a template with its fields.

        If a Pydantic model describes the output, type checkers see an instance of that model.

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
            field = "" if name[:1] == "_" else f". Write .output.{name} for a field of its output"
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{field}", name=name)

    def __dir__(self) -> Iterable[str]:
        return [name for name in vars(type(self)) | vars(NodeHandle) if not name.startswith("_")]


def belongs_to(template: Template, owner: object) -> bool:
    """Tell whether a template is one of the nodes or inputs of a builder."""
    return template._owner is owner  # pyright: ignore[reportPrivateUsage]  # no public name may hide a field


def refuse(value: object, what: str) -> NoReturn:
    """Refuse what needs a value that only exists while the workflow runs."""
    raise TypeError(
        f"{what} cannot apply to {value}, whose value is known only when the workflow runs. Insert it into a text, ask"
        " for it in the instruction of a node, or decide with flow.when(...)"
    )


def warn_of(message: str) -> None:
    """Warn at the line of the author's program."""
    line = caller_line()
    warnings.warn_explicit(message, UserWarning, line.file, line.line)


def _joined(other: object, template: Template) -> str:
    """Return a text that is joined with a template, because type checkers take some templates for numbers."""
    return other if isinstance(other, str) else refuse(template, "the operator '+'")


def _part_key(value: object, key: object) -> str | int:
    """Return the key of a part of a value.

    Raises:
        TypeError: If the key is neither a name nor an index.
        ValueError: If it isn't allowed in a template.
    """
    if isinstance(key, slice):
        raise TypeError(f"{value} cannot be sliced: a template names one item, such as [0]")
    if isinstance(key, str):
        if not _KEY.fullmatch(key):
            raise ValueError(
                f"{key!r} is not allowed in a template: a key has no dots, spaces or braces. For a nested field, write"
                " [...][...]"
            )
        return str(key)
    if isinstance(key, bool) or not isinstance(key, SupportsIndex):
        raise TypeError(f"to read a part of {value}, use a name or an index, not {type(key).__name__}")
    if (index := key.__index__()) < 0:
        raise ValueError(
            f"{value}[{index}]: a template counts from the beginning of a list, so use an index of 0 or more"
        )
    return index


def _refused(what: str) -> Callable[..., NoReturn]:
    def method(self: Template, *_: object) -> NoReturn:
        refuse(self, what)

    return method


# Type checkers don't see these methods, so they report what would call them.
_OPERATIONS: Final = {"__contains__": "the operator 'in'", "__iter__": "iteration", "__len__": "len()"} | {
    f"__{name}__": f"the operator {sign!r}" for name, sign in {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items()
}
for _name, _what in _OPERATIONS.items():
    setattr(Template, _name, _refused(_what))


_WRITTEN: Final = {
    "true_branch": "with flow.when(...) as {gate}:",
    "false_branch": "with {gate}.otherwise():",
}


class BranchBlock:
    """One branch of a conditional: the nodes that are added while the block is open belong to it.

    Args:
        gate: The ID of the conditional.
        branch: The key of the branch in the definition.
        open_blocks: All open blocks of the builder, the innermost last.
    """

    def __init__(
        self, gate: str, branch: Literal["true_branch", "false_branch"], open_blocks: list[BranchBlock]
    ) -> None:
        self.gate = gate
        self.branch = branch
        self._open_blocks = open_blocks
        self._around = list(open_blocks)
        self._was_opened = False

    def __enter__(self) -> Self:
        written = _WRITTEN[self.branch].format(gate=self.gate)
        if self._was_opened:
            raise ValueError(f"`{written}` already exists and can be written only once: add the nodes in that block")
        if self._open_blocks != self._around:
            where = f"inside the block of {self._open_blocks[-1].gate!r}" if self._open_blocks else "after that block"
            raise ValueError(
                f"`{written}` is {where}, but {self.gate!r} was added elsewhere: write its blocks where you add it"
            )
        self._was_opened = True
        self._open_blocks.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open_blocks.remove(self)
        if error is not None:
            error.add_note(f"The branch of {self.gate!r} is incomplete: build the workflow with a new WorkflowBuilder.")


class ConditionalHandle(NodeHandle[ConditionalOutput]):
    """A conditional of a `WorkflowBuilder`: nodes in its `with` block run only if its comparison is true.

    You get one from the builder's method `when`.

    Example:
        >>> from fibonacci import WorkflowBuilder
        >>> flow = WorkflowBuilder("triage")
        >>> given = flow.inputs()
        >>> with flow.when("urgent", given.priority, "greater_than", 7) as urgent:
        ...     page = flow.tool("page", "slack_send_message", {"channel": "#help", "message": given.mail})
        >>> with urgent.otherwise():
        ...     reply = flow.llm("reply", f"Answer {given.mail}")
        >>> flow.definition.nodes[0].true_branch, flow.definition.nodes[0].false_branch
        (['page'], ['reply'])
    """

    __slots__ = ("_otherwise", "_then")

    _then: BranchBlock
    _otherwise: BranchBlock

    def __new__(cls, path: str, owner: object, open_blocks: list[BranchBlock]) -> Self:
        """Make the handle of a conditional that was just added to a builder with these open blocks."""
        handle = super().__new__(cls, path, owner, ConditionalOutput)
        handle._then = BranchBlock(path, "true_branch", open_blocks)
        handle._otherwise = BranchBlock(path, "false_branch", open_blocks)
        return handle

    def otherwise(self) -> AbstractContextManager[object, None]:
        """Return the block for the nodes that run only if the comparison is false.

        Returns:
            A context manager. Use it once, after the block of the conditional.

        Raises:
            ValueError: If you enter the block twice, or at another level of nesting than that of the conditional.

        Example:
            >>> from fibonacci import WorkflowBuilder
            >>> flow = WorkflowBuilder("triage")
            >>> given = flow.inputs()
            >>> with flow.when("known", given.answer, "is_not_empty") as known:
            ...     page = flow.tool("page", "slack_send_message", {"channel": "#help", "message": given.answer})
            >>> with known.otherwise():
            ...     reply = flow.llm("reply", f"Answer {given.mail}")
            >>> flow.definition.nodes[2].dependencies
            ['known']
        """
        return self._otherwise

    def __enter__(self) -> Self:
        self._then.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._then.__exit__(kind, error, trace)
