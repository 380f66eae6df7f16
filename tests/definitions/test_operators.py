from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.definitions.operators import OPERATORS, OperatorError, evaluate


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
