"""The factories return every model, valid, as if it had come in a response."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast, get_type_hints

import pydantic
import pytest

import fibonacci.models
import fibonacci.testing
from fibonacci.models import Model, Page, RateLimit, ResponseInfo
from fibonacci.testing import make_execution, make_health, make_page, make_rate_limit, make_response, make_workflow
from tests.kit.assertions import check_rows

OTHERS = ("make_page", "make_rate_limit", "make_response")
OF_MODELS = {
    name: cast("Callable[..., Model]", getattr(fibonacci.testing, name))
    for name in fibonacci.testing.__all__
    if name.startswith("make_") and name not in OTHERS
}


def test_every_model_has_a_factory() -> None:
    received = {value for name in fibonacci.models.__all__ if is_model(value := getattr(fibonacci.models, name))}
    made = {get_type_hints(factory)["return"] for factory in OF_MODELS.values()}
    assert made == received


def is_model(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Model) and value.__name__ not in ("Model", "Timestamped")


def test_a_model_is_as_if_received_and_keeps_unknown_fields() -> None:
    check_rows(OF_MODELS.items(), check_factory)


def check_factory(factory: Callable[..., Model]) -> None:
    model = factory()
    assert model.response.status_code == 200
    assert model.response.request_id
    assert type(model).model_validate(model.model_dump(mode="json")) == model == factory()
    assert factory(response=make_response(503)).response.status_code == 503

    assert factory(region="eu").model_dump()["region"] == "eu"


def test_values_are_validated() -> None:
    with pytest.raises(pydantic.ValidationError):
        make_workflow(name=3)


def test_a_typo_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Execution has no field 'output'\. Did you mean 'outputs'"):
        make_execution(output={})


def test_an_execution_takes_either_name_of_its_id() -> None:
    assert make_execution(id="exec_1").id == make_execution(execution_id="exec_1").id == "exec_1"


def test_pages_rate_limits_and_responses() -> None:
    assert make_page([make_workflow()], next_cursor="abc") == Page(
        items=[make_workflow()], response=make_response(), next_cursor="abc"
    )
    assert isinstance(make_rate_limit(remaining=0), RateLimit)
    info = make_response(429, headers={"Retry-After": "3"}, rate_limit=make_rate_limit(remaining=0))
    assert isinstance(info, ResponseInfo)
    assert info.headers["retry-after"] == "3"
    assert info.rate_limit is not None
    assert info.rate_limit.remaining == 0
    assert not make_health(response=info).healthy
