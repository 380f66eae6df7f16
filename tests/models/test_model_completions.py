"""The names of a model that shells complete: they ask `dir()`."""

from __future__ import annotations

from pydantic import BaseModel

from fibonacci.models import Model, Workflow
from tests.kit.assertions import each_row
from tests.models.test_models import LEAST, each_model

PYDANTIC_1 = (
    "construct", "copy", "dict", "from_orm", "json", "parse_file", "parse_obj", "parse_raw", "schema", "schema_json",
    "update_forward_refs", "validate",
)  # fmt: skip


def public(model: Model) -> list[str]:
    return [name for name in dir(model) if not name.startswith("_")]


@each_model
def test_methods_of_pydantic_1_are_hidden(model: type[Model]) -> None:
    made = model.model_validate(LEAST[model])
    assert {*PYDANTIC_1, "__fields__"}.isdisjoint(dir(made))


@each_model
def test_other_fields_properties_and_methods_are_listed(model: type[Model]) -> None:
    made = model.model_validate(LEAST[model])
    properties = {name for each in model.__mro__ for name, value in vars(each).items() if isinstance(value, property)}
    expected = {*model.model_fields, *properties, "response", "model_dump", "model_copy", "model_extra"}
    assert {name for name in expected if not name.startswith("_")} <= set(public(made))


def test_the_names_of_a_workflow() -> None:
    own = [name for name in public(Workflow(id="wf-1")) if not name.startswith("model_")]
    assert own == [
        "created_at",
        "definition",
        "description",
        "id",
        "name",
        "organization_id",
        "response",
        "status",
        "to_dict",
        "updated_at",
        "version",
    ]


@each_row("name", PYDANTIC_1)
def test_these_names_are_deprecated_in_pydantic(name: str) -> None:
    assert hasattr(getattr(BaseModel, name), "__deprecated__")
