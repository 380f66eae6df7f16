"""How a function is called: its signature as Python code, whose types are known by their paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import griffe

from tests.kit.public_api import default_of, stars_of

_WIDTH: Final = 88
_LONGEST_VALUE: Final = 300

Part: TypeAlias = str | griffe.Expr
"""A piece of code; an expression is one name, which may have an entry."""


@dataclass(frozen=True)
class Code:
    """Python code in pieces."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return "".join(map(str, self.parts))


def joined(separator: str, codes: Iterable[Code]) -> Code:
    """Return pieces of code with a text between them."""
    parts: list[Part] = []
    for number, code in enumerate(codes):
        parts += [separator] * bool(number)
        parts += code.parts
    return Code(tuple(parts))


def signature(name: str, function: griffe.Function, *, is_constructor: bool = False) -> Code:
    """Return the signature of a function, on one line if it is short, else with a line for each parameter."""
    has_result = not is_constructor and function.returns is not None
    result = (" -> ", *_pieces(function.returns)) if has_result else ()
    prefix = "async " if "async" in function.labels else ""
    parameters = list(_parameters(function))
    line = Code((f"{prefix}{name}(", *joined(", ", parameters).parts, ")", *result))
    if len(str(line)) <= _WIDTH or not parameters:
        return line
    return Code((f"{prefix}{name}(\n    ", *joined(",\n    ", parameters).parts, ",\n)", *result))


def value_of(attribute: griffe.Attribute) -> Code:
    """Return the assignment of a module's name, without a value that is long."""
    annotation = attribute.annotation
    if isinstance(annotation, griffe.ExprSubscript) and str(annotation.left) == "Final":
        annotation = annotation.slice
    is_declared = annotation is not None and str(annotation) != "Final"
    declared = (f"{attribute.name}: ", *_pieces(annotation)) if is_declared else (attribute.name,)
    if attribute.value is None:
        return Code(declared)
    value = Code((" = ", *_pieces(attribute.value)))
    return Code((*declared, *(value.parts if len(str(value)) <= _LONGEST_VALUE else (" = ...",))))


def _pieces(expression: str | griffe.Expr | None) -> Iterator[Part]:
    """Yield the names of an expression, and the text between them."""
    if isinstance(expression, griffe.Expr):
        yield from expression.iterate(flat=True)
    elif expression is not None:
        yield expression


def _parameters(function: griffe.Function) -> Iterator[Code]:
    """Yield the parameters as they are written, without the object or class that the function is called on."""
    is_keyword_only = False
    is_positional_only = False
    for number, each in enumerate(function.parameters):
        if number == 0 and each.name in {"self", "cls"} and isinstance(function.parent, griffe.Class):
            continue
        if each.kind is griffe.ParameterKind.positional_only:
            is_positional_only = True
        elif is_positional_only:
            is_positional_only = False
            yield Code(("/",))
        if each.kind is griffe.ParameterKind.var_positional:
            is_keyword_only = True
        elif each.kind is griffe.ParameterKind.keyword_only and not is_keyword_only:
            is_keyword_only = True
            yield Code(("*",))
        yield _parameter(each)
    if is_positional_only:
        yield Code(("/",))


def _parameter(parameter: griffe.Parameter) -> Code:
    star = stars_of(parameter)
    annotation = () if parameter.annotation is None else (": ", *_pieces(parameter.annotation))
    default = None if star else default_of(parameter)
    equals = " = " if annotation else "="
    return Code((f"{star}{parameter.name}", *annotation, *(() if default is None else (f"{equals}{default}",))))
