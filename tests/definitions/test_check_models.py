"""Models: checked against the names that are given, and only then."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fibonacci.definitions import check_definition
from tests.kit.assertions import each_row

DEFINITION = {"nodes": [{"id": "a", "type": "llm", "instruction": "Hi", "model": "larg-1"}]}


def test_a_model_that_is_not_given_is_a_warning_with_the_nearest_one() -> None:
    (problem,) = check_definition(DEFINITION, models=["small-1", "large-1"])
    assert (problem.location, problem.code, problem.severity) == ("nodes[0].model", "unknown_model", "warning")
    assert problem.message == "'larg-1' is not one of the given models. Did you mean 'large-1'?"
    (problem,) = check_definition(DEFINITION, models=[f"model {letter}" for letter in "abcdefghijkl"])
    assert problem.message.endswith("models. Use " + ", ".join(f"model {letter}" for letter in "abcdefghij"))
    assert check_definition(DEFINITION, models=iter(["larg-1"])) == []
    assert check_definition(DEFINITION) == []


@each_row(
    ("models", "message"),
    [("large-1", "not 'large-1'. Pass a list of names"), (5, "not 5"), ([1], "not [1]")],
)
def test_what_is_no_list_of_names(models: Any, message: str) -> None:
    with pytest.raises(TypeError, match=re.escape(message)):
        check_definition(DEFINITION, models=models)
