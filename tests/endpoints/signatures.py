"""What the method of an operation has to look like, as `docs/openapi.yaml` says, and what it does look like.

Path parameters are positional, in the order of the document. Query parameters, the properties of the body and the
headers with an `x-python-name` are keyword-only, in the order of the document; those that are not required have a
default. The document's `x-python-name` and `x-python-positional` name the exceptions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MethodType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_overloads, get_type_hints

from fibonacci import WorkflowBuilder
from tests.contract.document import JSON, Operation, media, resolve

_PYTHON_TYPES = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "object": Mapping,
    "array": Sequence,
    "null": NoneType,
}


def documented_parameters(operation: Operation) -> str:
    """Return the parameters that the document demands, in short: `=` after those that need not be given."""
    positional = [_name(each) for each in operation.parameters_in("path")]
    keyword_only = [_short(_name(each), each.get("required", False)) for each in operation.parameters_in("query")]
    required: list[str] = operation.body_schema.get("required", []) if operation.body else []
    for name, schema in _body_fields(operation):
        if schema.get("x-python-positional"):
            positional.append(name)
        else:
            keyword_only.append(_short(name, name in required))
    keyword_only += [
        _short(_name(each), False) for each in operation.parameters_in("header") if "x-python-name" in each
    ]
    return ", ".join([*positional, *(["*", *keyword_only] if keyword_only else [])])


def parameters(method: Callable[..., object]) -> str:
    """Return the parameters of a method in the same form."""
    parts: list[str] = []
    for parameter in inspect.signature(method).parameters.values():
        assert parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        parts.append(_short(parameter.name, parameter.default is parameter.empty))
    return ", ".join(parts)


def as_documented(method: Callable[..., object]) -> Callable[..., object]:
    """Return a method, or the first overload of one that takes something in place of what the document has."""
    found = get_overloads(method)
    return MethodType(found[0], method.__self__) if found and isinstance(method, MethodType) else method


def type_hints(method: Callable[..., object]) -> dict[str, Any]:
    """Return the annotations of a method, which may name what its module imports for type checkers only."""
    return get_type_hints(method, localns={"WorkflowBuilder": WorkflowBuilder})


def refused_types(operation: Operation, method: Callable[..., object]) -> list[str]:
    """Return the parameters whose annotation refuses a type that the document allows, and those types."""
    hints = type_hints(method)
    fields = [(_name(each), each["schema"]) for each in operation.parameters if each["in"] != "header"]
    return [
        f"{name}: {kind.__name__}"
        for name, schema in [*fields, *_body_fields(operation)]
        for kind in sorted(_documented_types(schema) - _accepted_types(hints[name]), key=lambda kind: kind.__name__)
    ]


def is_page(operation: Operation) -> bool:
    """Whether the operation's success is a page of a list."""
    if "content" not in operation.success:
        return False
    schema = resolve(media(operation.success)["schema"])
    return bool(schema["properties"].get("data", {}).get("type") == "array")


def _name(parameter: JSON) -> str:
    return str(parameter.get("x-python-name", parameter["name"]))


def _short(name: str, required: bool) -> str:
    return name if required else f"{name}="


def _body_fields(operation: Operation) -> Iterator[tuple[str, JSON]]:
    """Yield the parameters that the body is made of; a body that has a name is one parameter."""
    if operation.body is None:
        return
    schema = operation.body_schema
    if "x-python-name" in operation.body:
        yield operation.body["x-python-name"], schema
    else:
        yield from schema["properties"].items()


def _documented_types(schema: JSON) -> set[type]:
    """Return the Python types of the values that a schema allows; none when it allows any JSON."""
    schema = resolve(schema)
    if "anyOf" in schema:
        return {kind for each in schema["anyOf"] for kind in _documented_types(each)}
    names = schema.get("type", [])
    return {_PYTHON_TYPES[name] for name in ([names] if isinstance(names, str) else names)}


def _accepted_types(annotation: Any) -> set[type]:
    """Return the types of `_PYTHON_TYPES` that an annotation accepts."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return {kind for each in get_args(annotation) for kind in _accepted_types(each)}
    if origin is Literal:
        return {type(value) for value in get_args(annotation)}
    if annotation is Any:
        return {*_PYTHON_TYPES.values()}
    return {origin or annotation}
