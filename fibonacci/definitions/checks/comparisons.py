"""Comparisons whose result does not depend on the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from fibonacci.definitions.checks.codes import problem
from fibonacci.definitions.checks.nodes_by_index import NodesByIndex
from fibonacci.definitions.json_types import is_object
from fibonacci.definitions.model.spellings import is_open
from fibonacci.definitions.operators import OPERATORS, OperatorError, evaluate, is_numeric
from fibonacci.definitions.problems import Problem
from fibonacci.definitions.templates import expressions, strings

UNARY: Final = ("is_empty", "is_not_empty")
"""The operators that have no right operand, and whose left one may have no value."""

_NUMERIC: Final = ("greater_than", "less_than")


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


def comparison_problems(nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield the comparisons that do not depend on the run, and those of texts that ask for numbers."""
    for index, node in nodes.items():
        comparison = comparison_of(node)
        if comparison is None:
            continue
        result = comparison.constant
        if result is not None:
            message = f"the comparison is always {str(result).lower()}: it names no value of the run; use a template"
            yield problem(f"nodes[{index}].{comparison.keys[0]}", "constant_condition", message)
        if comparison.operator in _NUMERIC:
            for key, operand in zip(comparison.keys, (comparison.left, comparison.right), strict=True):
                if not (_has_template(operand) or is_numeric(operand)):
                    message = f"{comparison.operator} compares numbers, not this value; use a number or a template"
                    yield problem(f"nodes[{index}].{key}", "not_a_number", message)


def _has_template(value: Any) -> bool:
    return any(expressions(text) for _, text in strings(value))
