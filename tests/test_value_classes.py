"""Public classes of values can grow without breaking a program: frozen, slotted, made by keywords, and no tuples."""

from __future__ import annotations

import inspect
from dataclasses import is_dataclass

import pytest

from fibonacci import (
    DeploymentChange,
    DeploymentPlan,
    DeploymentResult,
    RetryEvent,
    RunResult,
    RunsEstimate,
    RunsSummary,
    WaitEvent,
)

CLASSES: list[type] = [
    DeploymentChange,
    DeploymentPlan,
    DeploymentResult,
    RetryEvent,
    RunResult,
    RunsEstimate,
    RunsSummary,
    WaitEvent,
]


@pytest.mark.parametrize("value_class", CLASSES)
def test_a_class_of_values_can_grow(value_class: type) -> None:
    assert is_dataclass(value_class)
    assert not issubclass(value_class, tuple)
    assert value_class.__setattr__ is not object.__setattr__, "it is not frozen"
    assert "__dict__" not in dir(value_class), "it has no slots"
    parameters = inspect.signature(value_class).parameters.values()
    assert {each.kind for each in parameters} == {inspect.Parameter.KEYWORD_ONLY}
