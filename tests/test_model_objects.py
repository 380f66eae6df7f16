"""Models as Python objects: repr, equality, copies, and the HTTP response that stays with them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fibonacci.models import (
    AuditEntry,
    Execution,
    GovernanceSettings,
    Health,
    MemoryEntry,
    Model,
    NodeTrace,
    Page,
    Quota,
    RegistryEntry,
    RolePolicyOverride,
    Tool,
    ToolConnection,
    ToolPolicy,
    Workflow,
    WorkflowVersion,
)
from tests.kit.assertions import each_row
from tests.kit.responses import info, received
from tests.test_models import LEAST, each_model


def pickled(model: Workflow) -> Workflow:
    return pickle.loads(pickle.dumps(model))  # type: ignore[no-any-return]


COPIES: list[Callable[[Workflow], Workflow]] = [copy.copy, copy.deepcopy, pickled, Workflow.model_copy]


class TestRepr:
    @each_model
    def test_the_length_is_bounded(self, model: type[Model]) -> None:
        document = {**LEAST[model], **{f"field_{number}": "x" * 5000 for number in range(40)}}
        made = model.model_validate(document)
        assert repr(made).startswith(f"{model.__name__}(")
        assert len(repr(made)) < 600
        assert str(made) == repr(made)

    @pytest.mark.parametrize("name", ["to_dict", "model_dump", "response", "_repr_html_"])
    def test_an_unknown_field_with_the_name_of_an_attribute_is_shown(self, name: str) -> None:
        assert f"{name}='own'" in repr(AuditEntry.model_validate({name: "own"}))

    def test_the_important_fields_are_shown(self) -> None:
        workflow = Workflow.model_validate(
            {"id": "wf-1", "name": "Greeting", "version": 3, "definition": {"nodes": []}}
        )
        assert repr(workflow) == "Workflow(id='wf-1', name='Greeting', version=3)"
        execution = Execution.model_validate({"execution_id": "exec_1", "status": "failed"})
        assert repr(execution) == "Execution(id='exec_1', status='failed', outputs={})"


class TestResponse:
    """The HTTP response stays with the object, but is no part of its value."""

    def test_an_object_made_by_hand_has_none(self) -> None:
        made = Workflow(id="wf-1")
        with pytest.raises(AttributeError, match="Workflow did not come in a response"):
            _ = made.response
        assert not hasattr(made, "response")

    def test_equality_dumps_and_repr_exclude_it(self) -> None:
        one, other = Workflow(id="wf-1"), received(Workflow(id="wf-1"))
        assert one == other
        assert one.model_dump(mode="json") == other.model_dump(mode="json") == {"id": "wf-1"}
        assert repr(one) == repr(other)
        assert one.model_dump_json() == other.model_dump_json()

    @pytest.mark.parametrize("same", COPIES, ids=["copy", "deepcopy", "pickle", "model_copy"])
    def test_copies_keep_it(self, same: Callable[[Workflow], Workflow]) -> None:
        original = received(Workflow.model_validate({"id": "wf-1", "extra": [1]}), status_code=201)
        made = same(original)
        assert made == original
        assert made.response == original.response
        assert made.response.status_code == 201
        assert made.model_dump(mode="json") == {"id": "wf-1", "extra": [1]}

    def test_a_page_compares_by_its_items(self) -> None:
        one, other = (
            Page(items=[1, 2], response=info(request_id="a")),
            Page(items=[1, 2], response=info(request_id="b")),
        )
        assert one == other
        assert "response" not in repr(one)
        assert (list(one), len(one)) == ([1, 2], 2)
        assert pickle.loads(pickle.dumps(one)).response.request_id == "a"

    def test_headers_are_found_in_any_case(self) -> None:
        headers = info(headers=[("X-One", "1"), ("x-one", "2"), ("Date", "today")]).headers
        assert headers["X-ONE"] == "1, 2"
        assert dict(headers) == {"x-one": "1, 2", "date": "today"}
        assert len(headers) == 2
        assert repr(headers) == "Headers({'x-one': '1, 2', 'date': 'today'})"
        with pytest.raises(KeyError):
            _ = headers["absent"]
        assert "DATE" in headers


class TestHash:
    @each_row(
        ("model", "document", "changed"),
        [
            (Workflow, {"id": "wf-1"}, {"name": "New", "definition": {"nodes": []}}),
            (Execution, {"execution_id": "e"}, {"status": "failed", "outputs": {"a": [1]}}),
            (WorkflowVersion, {"version": 1, "workflow_id": "wf-1"}, {"name": "New"}),
            (RegistryEntry, {"workflow_id": "wf-1"}, {"status": "archived", "id": "entry-1"}),
            (Tool, {"name": "calculator"}, {"parameters": {}}),
            (ToolConnection, {"name": "calculator"}, {"status": "connected"}),
            (ToolPolicy, {"tool_name": "calculator"}, {"allowed_roles": ["owner"]}),
            (RolePolicyOverride, {"tool_name": "calculator", "role": "viewer"}, {"enabled": True}),
            (MemoryEntry, {"key": "k", "scope": "global"}, {"value": {"a": 1}}),
            (NodeTrace, {"id": "greet"}, {"output": {"a": 1}}),
        ],
    )
    def test_an_object_hashes_by_its_id(
        self, model: type[Model], document: dict[str, Any], changed: dict[str, Any]
    ) -> None:
        one, same, other = (model.model_validate(each) for each in (document, document, {**document, **changed}))
        assert hash(one) == hash(same) == hash(other)
        assert {one, same} == {one}
        assert len({one, other}) == 2
        assert {one: "kept"}[received(same)] == "kept"
        assert hash(pickle.loads(pickle.dumps(one))) == hash(one)

    @each_row("model", [AuditEntry, Health, Quota, GovernanceSettings])
    def test_an_object_without_an_id_has_no_hash(self, model: type[Model]) -> None:
        with pytest.raises(TypeError, match=f"unhashable type: '{model.__name__}', which has no id"):
            hash(model())


def test_a_copy_may_have_other_values_of_converted_fields() -> None:
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
    original = Execution.model_validate({"execution_id": "e", "created_at": "2026-11-24", "outputs": {"a": 1}})
    made = original.model_copy(update={"created_at": noon, "outputs": {"b": 2}})
    assert (made.created_at, made.outputs) == (noon, {"b": 2})
    assert original.outputs == {"a": 1}
    assert made.model_dump(mode="json") == {
        "execution_id": "e", "created_at": "2026-11-25T12:00:00Z", "outputs": {"b": 2},
    }  # fmt: skip
