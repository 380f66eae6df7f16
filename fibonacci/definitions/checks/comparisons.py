"""Comparisons whose result does not depend on the run, and those that their operands do not allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final, NamedTuple

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.checks.codes import problem
from fibonacci.definitions.checks.nodes_by_index import NodesByIndex
from fibonacci.definitions.json_types import is_object
from fibonacci.definitions.model.spellings import is_open
from fibonacci.definitions.operators import OPERATORS, UNARY, OperatorError, evaluate, is_numeric
from fibonacci.definitions.problems import Problem
from fibonacci.definitions.template_types import TEXT, Form, Kind, TemplateTypes, ValueType, kind_of, listed
from fibonacci.definitions.templates import as_text, expressions, strings, without_expressions

_NUMERIC: Final = ("greater_than", "less_than")
_IN_NUMBERS: Final = frozenset("0123456789.eE+- ")
_MOST_SHOWN: Final = 80
_MOST_PAIRS: Final = 1_000
_IN_WORDS: Final[Mapping[str, str]] = {
    "equals": "equals",
    "contains": "contains",
    "starts_with": "starts with",
    "ends_with": "ends with",
}


class Comparison(NamedTuple):
    """A comparison of a node: that of a conditional, or a `condition`."""

    left: Any
    """The left operand."""

    operator: str
    """The operator, one of those that exist."""

    right: Any
    """The right operand."""

    keys: tuple[str, str]
    """Where the operands are in the node."""

    @property
    def constant(self) -> bool | None:
        """The result, when no operand is a template and the operands can be compared; else None."""
        if _has_template(self.left) or (self.operator not in UNARY and _has_template(self.right)):
            return None
        try:
            return evaluate(self.operator, self.left, self.right)
        except (OperatorError, TypeError, RecursionError):  # not comparable, without a JSON form, or too deep
            return None


def comparison_of(node: Mapping[str, Any]) -> Comparison | None:
    """Return the comparison of a node; None when it has none that is known, or one without operator or left operand."""
    if is_open(node):
        return None
    if node.get("type") == "conditional":
        return _read(node, "left_value", "right_value", "")
    condition = node.get("condition")
    return _read(condition, "field", "value", "condition.") if is_object(condition) else None


def _read(value: Mapping[str, Any], left: str, right: str, prefix: str) -> Comparison | None:
    operator = value.get("operator")
    if left not in value or not isinstance(operator, str) or operator not in OPERATORS:
        return None
    return Comparison(value[left], operator, value.get(right), (prefix + left, prefix + right))


def comparison_problems(nodes: NodesByIndex, types: TemplateTypes) -> Iterator[Problem]:
    """Yield the comparisons whose result does not depend on the run, and those of numbers with what is none."""
    for index, node in nodes.items():
        comparison = comparison_of(node)
        if comparison is None or not (_has_json(comparison.left) and _has_json(comparison.right)):
            continue
        result = comparison.constant
        if result is not None:
            message = f"the comparison is always {str(result).lower()}: it names no value of the run; use a template"
            yield problem(f"nodes[{index}].{comparison.keys[0]}", "constant_condition", message)
        elif comparison.operator in _NUMERIC:
            yield from _not_numbers(comparison, types, f"nodes[{index}].")
        elif comparison.operator not in UNARY and comparison.right is not None:  # without it, null has no value either
            yield from _never_matches(comparison, types, f"nodes[{index}].")


def has_number(value_type: ValueType) -> bool:
    """Return whether a known type has a number, or a text that is known to hold one."""
    return any(form.kind == "number" or any(map(is_numeric, form.values or ())) for form in value_type.forms)


def _not_numbers(comparison: Comparison, types: TemplateTypes, prefix: str) -> Iterator[Problem]:
    for key, operand in zip(comparison.keys, (comparison.left, comparison.right), strict=True):
        value_type = types.of_value(operand)
        is_text = any(form.kind == "text" and form.values is None for form in value_type.forms)
        if isinstance(operand, str) and not _IN_NUMBERS.issuperset(without_expressions(operand)):
            is_text = False  # whatever its templates give, it has more than a number
        if value_type.is_known and not is_text and not has_number(value_type):
            message = f"{comparison.operator} compares numbers, not this value; use a number or a template"
            if _has_template(operand):
                it_is = "never one" if value_type == TEXT else str(value_type)
                message = f"{comparison.operator} compares numbers, and {_shown(operand)} is {it_is}"
            yield problem(prefix + key, "not_a_number", message)


def _never_matches(comparison: Comparison, types: TemplateTypes, prefix: str) -> Iterator[Problem]:
    left, right = types.of_value(comparison.left), types.of_value(comparison.right)
    operator = comparison.operator.removeprefix("not_")
    try:
        if not (left.is_known and right.is_known) or any(
            _may_match(operator, first, second) for first, second in product(left.forms, right.forms)
        ):
            return
    except (TypeError, RecursionError):  # an operand without a JSON form, or too deep
        return
    result = str(operator != comparison.operator).lower()
    message = f"{_shown(comparison.left)} never {_IN_WORDS[operator]} {_shown(comparison.right)}"
    message += f", so the comparison is always {result}: "
    words: Sequence[Any] | None
    if not _has_template(comparison.left):
        key, written, words = comparison.keys[0], comparison.left, right.values
        message += f"{_shown(comparison.right)} is {right}"
    else:
        key, written = comparison.keys[1], comparison.right
        description, words = _contents(left) if operator == "contains" else (str(left), left.values)
        message += f"it is {description}" + (f", and {_shown(written)} is {right}" if _has_template(written) else "")
    near = did_you_mean(written, map(str, words or ())) if isinstance(written, str) else ""
    yield problem(prefix + key, "never_matches", message + near)


def _contents(value_type: ValueType) -> tuple[str, Sequence[Any] | None]:
    """Return what `contains` looks for something in: in words, and all values that it may find."""
    fields = value_type.fields()
    if fields:
        return f"{value_type.in_words} with the fields {listed(fields)}", fields
    item = value_type.part("0")
    if item is None or not item.type.is_known:
        return str(value_type), value_type.values
    return f"{value_type.in_words}, each item of which is {item.type}", item.type.values


def _may_match(operator: str, left: Form, right: Form) -> bool:
    """Return whether an operator may hold for two values; the negated operators are those of which it never does."""
    if left.values is not None and right.values is not None:
        if len(left.values) * len(right.values) > _MOST_PAIRS:
            return True
        return any(evaluate(operator, first, second) for first, second in product(left.values, right.values))
    if operator == "equals":
        return _may_equal(left, right)
    if operator == "contains" and left.kind == "list" and "prefixItems" not in (left.schema or {}):
        element = left.part("0")
        forms = () if element is None else element.type.forms
        return not forms or any(_may_match("equals", form, right) for form in forms)
    if operator == "contains" and left.kind == "object" and right.values is not None:
        return any(left.part(as_text(value)) is not None for value in right.values)
    return True


def _may_equal(left: Form, right: Form) -> bool:
    if left.values is not None:
        left, right = right, left
    if right.values is not None:
        return any(_may_be(left.kind, value) for value in right.values)
    return left.kind == right.kind or {left.kind, right.kind} == {"text", "number"}


def _may_be(kind: Kind, value: Any) -> bool:
    """Return whether a value of a kind may equal a known one: the text "5" equals 5, and "true" equals true."""
    if kind == "number" and isinstance(value, str):
        return is_numeric(value)
    return kind_of(value) == kind or (kind == "text" and kind_of(value) in ("number", "boolean"))


def _shown(operand: Any) -> str:
    if not isinstance(operand, str):
        operand = as_text(operand)
    elif not _has_template(operand):
        operand = repr(operand)
    return operand if len(operand) <= _MOST_SHOWN else f"{operand[:_MOST_SHOWN]}..."


def _has_json(operand: Any) -> bool:
    """Whether an operand has a JSON form; without one it is a fault of its own, and so is one that is too deep."""
    try:
        as_text(operand)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _has_template(value: Any) -> bool:
    return any(expressions(text) for _, text in strings(value))
