"""Models return every field of a response unchanged."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import fibonacci.models as models
from fibonacci._core.decoding import decode
from fibonacci.models import (
    ApprovalStats,
    AuditEntry,
    Execution,
    ExecutionStatus,
    GovernanceReport,
    GovernanceSettings,
    Health,
    MemoryEntry,
    MemoryScope,
    Model,
    NodeTrace,
    Quota,
    RegistryEntry,
    RegistryStatus,
    Role,
    RolePolicyOverride,
    SecretsHealth,
    Timestamped,
    Tool,
    ToolConnection,
    ToolPolicy,
    Workflow,
    WorkflowVersion,
)
from fibonacci.models._base import other_names, plain_names
from tests.core.responses import api_response
from tests.endpoints.table import ROWS
from tests.kit.assertions import each_row

LEAST: dict[type[Model], dict[str, Any]] = {
    **{row.returns: row.data[0] if row.is_list else row.data for row in ROWS if row.data},
    ApprovalStats: {},
    AuditEntry: {},
    Execution: {"execution_id": "exec_1"},
    GovernanceReport: {},
    GovernanceSettings: {},
    Health: {},
    MemoryEntry: {},
    NodeTrace: {"id": "greet"},
    Quota: {},
    RegistryEntry: {},
    RolePolicyOverride: {},
    SecretsHealth: {},
    Tool: {"name": "t"},
    ToolConnection: {},
    ToolPolicy: {"tool_name": "t"},
    Workflow: {"id": "wf-1"},
    WorkflowVersion: {"version": 1},
}
"""Every model, with its required fields; a model that is not named has the fields of its row."""

each_model = each_row("model", LEAST)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def names_of(model: type[Model]) -> set[str]:
    """Return the names of the fields in a response."""
    return {*plain_names(model), *other_names(model)}


def through(model: type[Model], document: dict[str, Any]) -> Any:
    """Return the dump of an object that came in a response."""
    return decode(api_response(json.dumps({"data": document}).encode()), model)[0].model_dump(mode="json")


def exactly(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def test_every_public_model_is_tested() -> None:
    public = {getattr(models, name) for name in models.__all__}
    kinds = {each for each in public if isinstance(each, type) and issubclass(each, Model)}
    assert kinds - {Model, Timestamped} == set(LEAST)


@each_model
def test_a_dump_has_no_field_that_was_not_sent(model: type[Model]) -> None:
    assert through(model, LEAST[model]) == LEAST[model]


@each_model
def test_null_and_missing_are_distinct(model: type[Model]) -> None:
    document = {**dict.fromkeys(names_of(model)), **LEAST[model]}
    assert exactly(through(model, document)) == exactly(document)


@given(model=st.sampled_from(list(LEAST)), more=st.dictionaries(st.text(), JSON, max_size=4))
def test_any_unknown_field_is_kept(model: type[Model], more: dict[str, Any]) -> None:
    document = {**{name: value for name, value in more.items() if name not in names_of(model)}, **LEAST[model]}
    assert exactly(through(model, document)) == exactly(document)


@each_model
@each_row("name", ["model_dump", "copy", "json", "response", "_response", "_repr_fields", "model_config", "dict"])
def test_an_unknown_field_with_the_name_of_an_attribute_is_kept(model: type[Model], name: str) -> None:
    document = {**LEAST[model], name: {"x": 1}}
    assert through(model, document) == document


@each_model
def test_an_unknown_field_is_an_attribute(model: type[Model]) -> None:
    assert model.model_validate({**LEAST[model], "brand_new": [1]}).brand_new == [1]  # type: ignore[attr-defined]  # pyright: ignore


@each_row("row", ROWS)
def test_the_responses_of_the_endpoint_table_survive_a_round_trip(row: Any) -> None:
    for each in row.data if row.is_list else [row.data] if row.data else []:
        made = row.returns.model_validate(each)
        assert exactly(made.model_dump(mode="json")) == exactly(each)
        assert exactly(json.loads(made.model_dump_json())) == exactly(each)
        assert row.returns.model_validate_json(made.model_dump_json()) == made


@each_model
def test_models_are_frozen(model: type[Model]) -> None:
    made = model.model_validate({**LEAST[model], "extra": 1})
    for name in [*model.model_fields, "extra", "unheard_of"]:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(made, name, 1)


class TestFields:
    def test_numbers_keep_their_kind(self) -> None:
        dumped = through(Execution, {"id": "e", "duration_ms": 5, "n": 1.0})
        assert exactly(dumped) == '{"duration_ms": 5, "id": "e", "n": 1.0}'
        assert exactly(through(Execution, {"id": "e", "duration_ms": 5.0})) == '{"duration_ms": 5.0, "id": "e"}'
        assert through(WorkflowVersion, {"version": "2"}) == {"version": "2"}
        assert exactly(through(MemoryEntry, {"ttl": 60.0, "value": True})) == '{"ttl": 60.0, "value": true}'

    @each_row(
        ("model", "field", "value"),
        [
            (Workflow, "id", 7),
            (Workflow, "name", 7),
            (Workflow, "definition", []),
            (Workflow, "version", 1.5),
            (WorkflowVersion, "version", None),
            (Execution, "nodes_failed", "1"),
            (GovernanceSettings, "allow_self_approval", "yes"),
            (GovernanceSettings, "approval_threshold", True),
            (Tool, "name", None),
        ],
    )
    def test_a_program_makes_no_object_with_a_field_of_another_type(
        self, model: type[Model], field: str, value: Any
    ) -> None:
        with pytest.raises(ValidationError):
            model.model_validate_json(json.dumps({**LEAST[model], field: value}))

    @each_row(
        ("known", "field", "model"),
        [
            (ExecutionStatus, "status", Execution),
            (RegistryStatus, "status", RegistryEntry),
            (Role, "role", RolePolicyOverride),
            (MemoryScope, "scope", MemoryEntry),
        ],
    )
    def test_enums_are_open(self, known: Any, field: str, model: type[Model]) -> None:
        literal, _ = get_args(known)
        for value in [*get_args(literal), "invented tomorrow", ""]:
            made = model.model_validate({**LEAST[model], field: value})
            assert getattr(made, field) == value
