from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.definitions.operators import OPERATORS, OperatorError, evaluate
from tests.kit.assertions import each_row


@each_row(
    ("left", "operator", "right", "expected"),
    [
        ("a", "equals", "a", True),
        ("a", "equals", "A", False),
        (5, "equals", "5", True),
        ("5.0", "equals", 5, True),
        (True, "equals", 1, False),
        (True, "equals", True, True),
        (True, "equals", "true", True),
        ("false", "equals", False, True),
        (True, "equals", "false", False),
        (True, "equals", "True", False),
        (True, "not_equals", "true", False),
        ([True], "contains", "true", True),
        ("true", "equals", "TRUE", False),
        (None, "equals", None, True),
        ([1], "equals", [1], True),
        (5, "equals", "five", False),
        ("a", "not_equals", "b", True),
        ("haystack", "contains", "stack", True),
        (["a", 5], "contains", "5", True),
        (["a"], "contains", "b", False),
        ({"key": 1}, "contains", "key", True),
        (None, "contains", "", False),
        (None, "starts_with", "n", False),
        (None, "ends_with", "l", False),
        (1234, "contains", 23, True),
        ("a", "not_contains", "b", True),
        (10, "greater_than", 9, True),
        ("10", "greater_than", "9", True),
        (1, "less_than", 1, False),
        (10**400, "greater_than", 1.5, True),
        ("prefix", "starts_with", "pre", True),
        ("prefix", "ends_with", "fix", True),
        (12, "starts_with", 1, True),
        ("", "is_empty", None, True),
        ([], "is_empty", None, True),
        ({}, "is_empty", "ignored", True),
        (None, "is_empty", None, True),
        (0, "is_empty", None, False),
        (False, "is_empty", None, False),
        (" ", "is_not_empty", None, True),
    ],
)
def test_each_operator_compares_as_documented(left: Any, operator: str, right: Any, expected: bool) -> None:
    assert evaluate(operator, left, right) is expected


def test_an_unknown_operator_is_named_with_the_known_ones() -> None:
    with pytest.raises(OperatorError, match=r"unknown operator 'matches'.*is_not_empty"):
        evaluate("matches", 1, 2)


VALUE = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@given(st.sampled_from(list(OPERATORS)), VALUE, VALUE)
def test_every_operator_returns_a_bool_or_raises(operator: str, left: Any, right: Any) -> None:
    try:
        assert isinstance(evaluate(operator, left, right), bool)
    except OperatorError:
        assert operator in {"greater_than", "less_than"}
