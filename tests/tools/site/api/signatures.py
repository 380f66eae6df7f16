"""How a function is called: its signature as Python code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import griffe

from tests.kit.public_api import default_of, stars_of

_WIDTH: Final = 88
_LONGEST_VALUE: Final = 300


def signature(name: str, function: griffe.Function, *, is_constructor: bool = False) -> str:
    """Return the signature of a function, on one line if it is short, else with a line for each parameter."""
    result = "" if is_constructor or function.returns is None else f" -> {function.returns}"
    prefix = "async " if "async" in function.labels else ""
    parameters = list(_parameters(function))
    line = f"{prefix}{name}({', '.join(parameters)}){result}"
    if len(line) <= _WIDTH or not parameters:
        return line
    return "\n".join([f"{prefix}{name}(", *(f"    {each}," for each in parameters), f"){result}"])


def value_of(attribute: griffe.Attribute) -> str:
    """Return the assignment of a module's name, without a value that is long."""
    annotation = "" if attribute.annotation is None else str(attribute.annotation)
    if annotation.startswith("Final["):
        annotation = annotation.removeprefix("Final[").removesuffix("]")
    declared = f"{attribute.name}: {annotation}" if annotation not in ("", "Final") else attribute.name
    value = "" if attribute.value is None else f" = {attribute.value}"
    return declared + (value if len(value) <= _LONGEST_VALUE else " = ...")


def _parameters(function: griffe.Function) -> Iterator[str]:
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
            yield "/"
        if each.kind is griffe.ParameterKind.var_positional:
            is_keyword_only = True
        elif each.kind is griffe.ParameterKind.keyword_only and not is_keyword_only:
            is_keyword_only = True
            yield "*"
        yield _parameter(each)
    if is_positional_only:
        yield "/"


def _parameter(parameter: griffe.Parameter) -> str:
    star = stars_of(parameter)
    annotation = "" if parameter.annotation is None else f": {parameter.annotation}"
    default = None if star else default_of(parameter)
    equals = " = " if annotation else "="
    return f"{star}{parameter.name}{annotation}{'' if default is None else equals + default}"
