"""The ten operators of a conditional node."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sized
from typing import Any, Final

from fibonacci.definitions.json_types import is_array, is_number, is_object
from fibonacci.definitions.templates import as_text

UNARY: Final = ("is_empty", "is_not_empty")
"""The operators without a right operand."""

_BOOLEANS: Final[Mapping[str, bool]] = {"true": True, "false": False}
_NUMBER = re.compile(r"-?[0-9]{1,300}((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")


class OperatorError(ValueError):
    """An operator is unknown, or cannot compare two values.

    Example:
        >>> try:
        ...     evaluate("less_than", "many", 9)
        ... except OperatorError as error:
        ...     print(error)
        cannot compare many and 9: many is not a number
    """


def evaluate(operator: str, left: Any, right: Any = None) -> bool:
    """Apply an operator to two values.

    A number and a text that holds a number compare as numbers, because a rendered template is often text. For the same
    reason true and the text "true" are equal, and so are false and "false". `greater_than` and `less_than` compare
    numbers only.

    Args:
        operator: One of the ten documented names.
        left: The left operand: any JSON, rendered.
        right: The right operand: any JSON, rendered. `is_empty` and `is_not_empty` ignore it.

    Returns:
        Whether the comparison holds.

    Raises:
        OperatorError: If the operator is unknown, or compares numbers and one of the values is none.

    Example:
        >>> evaluate("greater_than", "10", 9)
        True
    """
    try:
        compare = OPERATORS[operator]
    except KeyError:
        raise OperatorError(f"unknown operator {operator!r}. The operators are {', '.join(OPERATORS)}") from None
    return compare(left, right)


def _equals(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return _as_boolean(left) is _as_boolean(right)  # in JSON, true doesn't equal 1
    left, right = _as_numbers(left, right)
    return bool(left == right)


def _as_boolean(value: Any) -> Any:
    return _BOOLEANS.get(value, value) if isinstance(value, str) else value


def _contains(left: Any, right: Any) -> bool:
    if is_object(left):
        return as_text(right) in left
    if is_array(left):
        return any(_equals(element, right) for element in left)
    return left is not None and as_text(right) in as_text(left)


def _starts_with(left: Any, right: Any) -> bool:
    return left is not None and as_text(left).startswith(as_text(right))


def _ends_with(left: Any, right: Any) -> bool:
    return left is not None and as_text(left).endswith(as_text(right))


def _difference(left: Any, right: Any) -> int:
    """Return -1, 0 or 1 if a number is less than, equal to or greater than another."""
    first, second = _number(left), _number(right)
    if first is None or second is None:
        value = left if first is None else right
        raise OperatorError(f"cannot compare {as_text(left)} and {as_text(right)}: {as_text(value)} is not a number")
    return (first > second) - (first < second)


def _is_empty(value: Any, _: Any = None) -> bool:
    return value is None or (isinstance(value, Sized) and len(value) == 0)


def is_numeric(value: Any) -> bool:
    """Tell whether a value is a number, or a text that holds one."""
    return _number(value) is not None


def _as_numbers(left: Any, right: Any) -> tuple[Any, Any]:
    """Convert numeric texts to numbers, or return both unchanged if one of them is not a number."""
    first, second = _number(left), _number(right)
    if first is None or second is None:
        return left, right
    return first, second


def _number(value: Any) -> int | float | None:
    if is_number(value):
        return value
    if not isinstance(value, str):
        return None
    match = _NUMBER.fullmatch(value)
    if match is None:
        return None
    return float(value) if match[1] else int(value)


OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": _equals,
    "not_equals": lambda left, right: not _equals(left, right),
    "contains": _contains,
    "not_contains": lambda left, right: not _contains(left, right),
    "greater_than": lambda left, right: _difference(left, right) > 0,
    "less_than": lambda left, right: _difference(left, right) < 0,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "is_empty": _is_empty,
    "is_not_empty": lambda left, right: not _is_empty(left),
}
"""The ten documented operators by name, each a function of the left and the right operand."""
