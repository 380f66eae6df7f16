"""Models as Python objects: repr, equality, copies, and the HTTP response that stays with them."""

from __future__ import annotations

import copy
import pickle
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, date, datetime
from types import FrameType
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fibonacci import OutputError, RunResult
from fibonacci.emulator import Emulator
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
from tests.kit.assertions import check_rows, each_row
from tests.kit.mode import Mode
from tests.kit.responses import info, received
from tests.models.test_models import LEAST, each_model


def pickled(model: Workflow) -> Workflow:
    return pickle.loads(pickle.dumps(model))  # type: ignore[no-any-return]


COPIES: list[Callable[[Workflow], Workflow]] = [copy.copy, copy.deepcopy, pickled, Workflow.model_copy]


def test_ctrl_c_in_a_serializer_is_no_error_of_pydantic() -> None:
    def interrupt(frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_name == "_as_received":
            raise KeyboardInterrupt

    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            Execution(id="exec_1").model_dump(mode="json")
    finally:
        sys.settrace(before)


class TestRepr:
    @each_model
    def test_the_length_is_bounded(self, model: type[Model]) -> None:
        document = {**LEAST[model], **{f"field_{number}": "x" * 5000 for number in range(40)}}
        made = model.model_validate(document)
        assert repr(made).startswith(f"{model.__name__}(")
        assert len(repr(made)) < 600
        assert str(made) == repr(made)

    @each_row("name", ["to_dict", "model_dump", "response", "_repr_html_"])
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

    @each_row("same", COPIES)
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


class ScoredVerdict(BaseModel):
    """What a user of the SDK expects of the outputs."""

    model_config = ConfigDict(strict=True, title="ScoredVerdict")

    score: int
    at: datetime
    tags: list[str] = []


class _Mail(BaseModel):
    kind: Literal["mail"]


class _Call(BaseModel):
    kind: Literal["call"]


class Contact(BaseModel):
    """Outputs of one of several kinds."""

    how: Annotated[_Mail | _Call, Field(discriminator="kind")]


SECRET = "hunter2-of-Ada"
MISFITS: dict[str, tuple[type[BaseModel], dict[str, Any], str]] = {
    "a value": (
        ScoredVerdict,
        {"score": SECRET, "at": "2026-11-25T01:02:03Z"},
        "the outputs of execution exec_1 do not fit ScoredVerdict: score: Input should be a valid integer",
    ),
    "an element": (
        ScoredVerdict,
        {"score": 1, "at": "2026-11-25T01:02:03Z", "tags": ["a", {"x": SECRET}]},
        "the outputs of execution exec_1 do not fit ScoredVerdict: tags.1: Input should be a valid string",
    ),
    "what is missing": (
        ScoredVerdict,
        {"text": SECRET},
        "the outputs of execution exec_1 do not fit ScoredVerdict: score: Field required; at: Field required",
    ),
    "a tag": (
        Contact,
        {"how": {"kind": SECRET}},
        "the outputs of execution exec_1 do not fit Contact: how: Input tag is not one of those expected",
    ),
    "many": (
        ScoredVerdict,
        {"score": 1, "at": "2026-11-25T01:02:03Z", "tags": [{"x": SECRET}] * 9},
        "the outputs of execution exec_1 do not fit ScoredVerdict: "
        + "; ".join(f"tags.{place}: Input should be a valid string" for place in range(5))
        + "; and 4 more",
    ),
}


class TestOutputsAs:
    """Outputs as an object of a type of the user's."""

    def test_an_object_of_any_type_that_pydantic_validates(self) -> None:
        outputs = {"score": 7, "at": "2026-11-25T01:02:03Z"}
        run = execution_with(outputs)
        assert run.outputs_as(ScoredVerdict) == ScoredVerdict(score=7, at=datetime(2026, 11, 25, 1, 2, 3, tzinfo=UTC))
        assert run.outputs_as(dict[str, object]) == outputs
        assert result_of(run).outputs_as(ScoredVerdict).score == 7

    def test_outputs_that_do_not_fit_are_an_error_without_their_values(self) -> None:
        def check(row: tuple[type[BaseModel], dict[str, Any], str]) -> None:
            model, outputs, text = row
            with pytest.raises(OutputError) as caught:
                execution_with(outputs).outputs_as(model)
            error = caught.value
            assert str(error) == text
            assert isinstance(error.__cause__, ValidationError)
            assert error.__context__ is None  # the error of pydantic that has the values
            assert SECRET in str(error.__cause__.errors())
            assert SECRET not in "".join(traceback.format_exception(error)) + repr(error) + repr(error.__cause__)
            copied = pickle.loads(pickle.dumps(error))
            assert str(copied) == text
            assert SECRET not in f"{copied.__cause__} {copied.__cause__!r}"

        check_rows(MISFITS.items(), check)

    def test_a_run_that_has_not_succeeded_is_named_as_one(self) -> None:
        failed = Execution.model_validate({"id": "exec_1", "status": "failed"})
        with pytest.raises(OutputError, match=r"^the outputs of execution exec_1 \(failed\) do not fit Contact: how: "):
            failed.outputs_as(Contact)
        with pytest.raises(OutputError, match=r"^the outputs of row 7 \(failed\) do not fit Contact: how: "):
            result_of(failed).outputs_as(Contact)

    def test_it_takes_a_type(self) -> None:
        wrong: Any = ("ScoredVerdict", ScoredVerdict.model_construct(), 7)
        for model in wrong:
            with pytest.raises(TypeError, match=r"^model must be a type that pydantic"):
                execution_with({}).outputs_as(model)


def execution_with(outputs: dict[str, Any]) -> Execution:
    return Execution.model_validate({"id": "exec_1", "status": "completed", "outputs": outputs})


def result_of(run: Execution) -> RunResult:
    return RunResult(index=7, key="7", inputs={}, execution=run, error=None, status=str(run.status))


class MailSender(BaseModel):
    address: str = "ada@example.org"
    since: date = Field(alias="memberSince")


class MailTicket(BaseModel):
    sender: MailSender
    depth: int = 3


class TestInputs:
    """Inputs as an object of a model of the user's."""

    @each_row("call", ["execute", "run"])
    def test_a_model_is_sent_with_its_defaults_by_its_aliases(self, mode: Mode, call: str) -> None:
        definition = {"nodes": [{"id": "greet", "type": "llm", "instruction": "{{input.sender.memberSince}}"}]}
        sender = MailSender(memberSince=date(2026, 11, 28))
        plain = {"sender": {"address": "ada@example.org", "memberSince": "2026-11-28"}, "depth": 3}
        with Emulator() as emulator:
            client = mode.client_of(emulator)
            workflow = emulator.client().workflows.create(name="Greeter", definition=definition)
            for inputs in (MailTicket(sender=sender), {"sender": sender, "depth": 3}):
                started = mode.run(getattr(client.workflows, call)(workflow.id, inputs=inputs))
                assert emulator.client().executions.get(started.id).inputs == plain


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
