"""Values of JSON: their types, how messages show them, and plain JSON from what holds a definition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Annotated, Any, TypeGuard

from pydantic import BaseModel, BeforeValidator

from fibonacci._texts.text import is_unicode, printable_line

if TYPE_CHECKING:
    from fibonacci.definitions.authoring.builder import WorkflowBuilder


def whole(value: object) -> object:
    """Return a number that is whole as an integer, and anything else as it is: JSON does not tell 5.0 from 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(whole)]
"""A whole number in a strict model, which may be written as 5.0 too."""


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether a value is a JSON object."""
    return type(value) is dict or isinstance(value, Mapping)  # nearly all are, and an abstract class is slow to ask


def as_object(value: object) -> Mapping[str, Any]:
    """Return a JSON object as it is, and an empty one for any other value."""
    return value if is_object(value) else {}


def is_array(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell whether a value is a JSON array."""
    return isinstance(value, (list, tuple))  # a union is made anew for each value


def place_of(parts: Iterable[int | str]) -> str:
    """Return a place inside a value as messages name it, such as `answer[3].text`, from its keys and indices."""
    return "".join([f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts]).removeprefix(".")


def path_to_bad_text(value: object) -> tuple[int | str, ...] | None:
    """Return the path to the first text in JSON, a key or a value, that is not valid Unicode, or `None` if all are."""
    if isinstance(value, str):
        return None if is_unicode(value) else ()
    if is_object(value):
        bad_keys = ((printable_line(key),) for key in value if not is_unicode(key))
        inner_paths = _bad_texts_in(value.items())
        return next(bad_keys, None) or next(inner_paths, None)
    return next(_bad_texts_in(enumerate(value)), None) if is_array(value) else None


def _bad_texts_in(entries: Iterable[tuple[int | str, object]]) -> Iterator[tuple[int | str, ...]]:
    for part, inner in entries:
        path = path_to_bad_text(inner)
        if path is not None:
            yield (part, *path)


def map_texts(value: Any, change: Callable[[str], Any]) -> Any:
    """Return JSON with each of its texts changed, keys too."""
    if isinstance(value, str):
        return change(value)
    if is_object(value):
        return {change(key): map_texts(entry, change) for key, entry in value.items()}
    if is_array(value):
        return [map_texts(element, change) for element in value]
    return value


_MOST_SHOWN = 80


def shown(value: object) -> str:
    """Return any value as a message shows it: cut where it is long, or nested too deep to be written."""
    text = ""
    try:
        for piece in _written(value):
            text += piece
            if len(text) > _MOST_SHOWN:
                return f"{text[: _MOST_SHOWN - 3]}..."
    except RecursionError:
        return f"a {type(value).__name__} of many levels"
    return text


def _written(value: Any) -> Iterator[str]:
    """Yield the `repr` of a JSON value in pieces: of a large one no more is written than is shown."""
    if isinstance(value, str):
        yield repr(value[: _MOST_SHOWN + 1])
    elif is_array(value):
        for index, element in enumerate(value):
            yield ", " if index else "["
            yield from _written(element)
        yield "]" if value else "[]"
    elif is_object(value):
        for index, (key, member) in enumerate(value.items()):
            yield ", " if index else "{"
            yield from _written(key)
            yield ": "
            yield from _written(member)
        yield "}" if value else "{}"
    else:
        yield repr(value)


def plain_object(definition: object) -> dict[str, Any]:
    """Return a definition as plain JSON in the spelling that it has. That of a builder may have errors.

    Raises:
        TypeError: If it is no builder, no model of a definition and no mapping. The message says what to pass.
        ValueError: If it contains itself.
    """
    if (builder := as_builder(definition)) is not None:
        return builder.__definition__()
    plain = unwrapped(definition) if may_be_definition(definition) else None
    if not is_object(plain):
        raise _no_definition(definition)
    return dict(plain)


def checked_definition(definition: object) -> Mapping[str, Any] | BaseModel:
    """Return what is sent of a definition: of a builder its definition, and not `$schema`, which is for editors.

    Raises:
        DefinitionError: If the definition of a builder has an error.
        TypeError: If it is no builder, no model of a definition and no mapping. The message says what to pass.
    """
    if (builder := as_builder(definition)) is not None:
        return builder.definition
    if not may_be_definition(definition):
        raise _no_definition(definition)
    if is_object(definition) and "$schema" in definition:
        return {key: value for key, value in definition.items() if key != "$schema"}
    return definition


def _no_definition(value: object) -> TypeError:
    kind = "None" if value is None else type(value).__name__
    kinds = "a WorkflowBuilder, a WorkflowDefinition or a mapping"
    return TypeError(f"a definition must be {kinds}, not {kind}{remedy(value)}")


def may_be_definition(value: object) -> TypeGuard[Mapping[str, Any] | BaseModel]:
    """Tell whether a value is a mapping, or a model with nodes."""
    return is_object(value) or (isinstance(value, BaseModel) and "nodes" in type(value).model_fields)


def as_builder(value: object) -> WorkflowBuilder | None:
    """Return a value if it is a builder, and None for anything else."""
    if is_object(value) or isinstance(value, BaseModel):
        return None
    from fibonacci.definitions.authoring.builder import WorkflowBuilder  # which imports this module

    return value if isinstance(value, WorkflowBuilder) else None


def remedy(value: object) -> str:
    """Return the end of a message about a value that isn't a definition but leads to one, or an empty text."""
    if isinstance(value, str | PathLike):
        return ". To read a file, use load(path)"
    fields = type(value).model_fields if isinstance(value, BaseModel) else ()
    return ". Use its .definition" if "definition" in fields else ""  # a `Workflow`


def _set_fields(model: BaseModel) -> object:
    return model.model_dump(exclude_unset=True, warnings=False)


def unwrapped(value: object, dump: Callable[[BaseModel], object] = _set_fields) -> object:
    """Return a value with its mappings as dictionaries, its arrays as lists and its models as they are dumped.

    Whatever else it holds stays as it is.

    Args:
        value: The value.
        dump: What is made of a model. By default its set fields.

    Raises:
        ValueError: If it contains itself.
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
            raise ValueError("a value that contains itself has no JSON form: remove the reference to itself")
        open_containers.add(id(item))
        pending.append((item, None, None))
        result: Any = dict.fromkeys(item) if is_object(item) else [None] * len(item)
        owner[place] = result
        entries = item.items() if is_object(item) else enumerate(item)
        pending.extend((entry, result, key) for key, entry in entries)
    return root[0]
