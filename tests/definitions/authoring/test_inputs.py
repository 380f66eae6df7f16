"""The inputs are typed as the author's model, and print the templates of its fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, RootModel

from fibonacci import WorkflowBuilder
from tests.definitions.authoring.tickets import Folder, Sender, SupportTicket
from tests.kit.assertions import each_row


@pytest.fixture
def flow() -> WorkflowBuilder:
    return WorkflowBuilder("triage")


@pytest.fixture
def given(flow: WorkflowBuilder) -> Any:
    return flow.inputs(SupportTicket)


@each_row(
    ("read", "template"),
    [
        ("given", "{{input}}"),
        ("given.title", "{{input.title}}"),
        ("given.count", "{{input.count}}"),
        ("given.subject_line", "{{input.subject}}"),
        ("given.sender", "{{input.sender}}"),
        ("given.sender.mail_address", "{{input.sender.mailAddress}}"),
        ("given.copies", "{{input.copies}}"),
        ("given.copies[0].mail_address", "{{input.copies.0.mailAddress}}"),
        ("given.reply_to.mail_address", "{{input.reply_to.mailAddress}}"),
        ("given.pairs[0].name", "{{input.pairs.0.name}}"),
        ("given.by_name['ada'].mail_address", "{{input.by_name.ada.mailAddress}}"),
        ("given.tags.root[1]", "{{input.tags.1}}"),
        ("given.loose.x.y", "{{input.loose.x.y}}"),
        ("given.labels['team']", "{{input.labels.team}}"),
        ("given.point.x", "{{input.point.x}}"),
        ("given.anything.a[0]['b']", "{{input.anything.a.0.b}}"),
        ("given.either.name", "{{input.either.name}}"),
    ],
)
def test_a_field_prints_its_template_under_its_name_in_json(given: Any, read: str, template: str) -> None:
    field = eval(read, {"given": given})
    assert (str(field), f"{field}", repr(field)) == (template,) * 3


@each_row(
    ("read", "error", "message"),
    [
        ("given.titel", AttributeError, "{{input}} has no field 'titel'. Did you mean 'title'?"),
        ("given.sender.nam", AttributeError, "{{input.sender}} has no field 'nam'. Did you mean 'name'?"),
        ("given.copies[0].phone", AttributeError, "has no field 'phone'. Sender has name, mail_address"),
        ("given.sender.mailAddress", AttributeError, "has no field 'mailAddress'. Did you mean 'mail_address'?"),
        ("given.model_dump()", AttributeError, "{{input}} has no field 'model_dump'"),
        ("given._repr_html_()", AttributeError, "Template has no attribute '_repr_html_'"),
        ("given.copies['name']", TypeError, "{{input.copies}} is a list: pass the index of an item"),
        ("given.title['x']", TypeError, "{{input.title}} is of type str, which has no fields and no items"),
        ("given.sender['nam']", ValueError, "{{input.sender}} has no 'nam'. Did you mean 'name'?"),
        ("given.title.upper()", AttributeError, "{{input.title}} is of type str, and its value is known only"),
        ("given.copies.append(1)", AttributeError, "'append' is not available here. Ask in the instruction"),
        ("given.count + 1", TypeError, "the operator '+' cannot apply to {{input.count}}"),
        ("given.count > 1", TypeError, "the operator '>' cannot apply to {{input.count}}"),
        ("list(given.copies)", TypeError, "iteration cannot apply to {{input.copies}}"),
        ("list(given)", TypeError, "iteration cannot apply to {{input}}"),
        ("f'{given.sender:>9}'", TypeError, "the format '>9' cannot apply to {{input.sender}}"),
    ],
)
def test_what_a_field_does_not_have_is_refused(given: Any, read: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        eval(read, {"given": given})
    assert message in str(caught.value)


def test_without_a_model_every_name_is_there(flow: WorkflowBuilder) -> None:
    given = flow.inputs()
    assert (
        f"{given.mail} {given['mail'].lines[0]} {given['_id']}" == "{{input.mail}} {{input.mail.lines.0}} {{input._id}}"
    )
    flow.llm("greet", given.name)
    assert flow.definition.input_schema is None


def test_the_input_schema_is_the_model_s_with_the_names_in_json(flow: WorkflowBuilder, given: Any) -> None:
    flow.llm("greet", f"Greet {given.sender.name}")
    schema = flow.definition.input_schema
    assert schema is not None
    assert schema == SupportTicket.model_json_schema()
    assert list(schema["$defs"]["Sender"]["properties"]) == ["name", "mailAddress"]
    assert "subject" in schema["properties"]


def test_a_model_may_contain_itself(flow: WorkflowBuilder) -> None:
    given = flow.inputs(Folder)
    assert f"{given.inside[0].inside[1].name}" == "{{input.inside.0.inside.1.name}}"


def test_inputs_are_of_one_model(flow: WorkflowBuilder, given: Any) -> None:
    assert str(flow.inputs(SupportTicket)) == str(flow.inputs()) == str(given)
    with pytest.raises(ValueError, match=r"already has the inputs of SupportTicket: see test_inputs.py:\d+"):
        flow.inputs(Sender)


class Unwritable(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    call: Callable[[int], int]


@each_row("model", [dict, SupportTicket.model_construct(), "Ticket", RootModel[list[str]]])
def test_what_is_no_model_with_fields_is_refused(flow: WorkflowBuilder, model: Any) -> None:
    with pytest.raises(TypeError, match="inputs takes a Pydantic model with fields"):
        flow.inputs(model)


def test_a_model_without_a_schema_is_refused(flow: WorkflowBuilder) -> None:
    with pytest.raises(ValueError, match="Unwritable has no JSON Schema"):
        flow.inputs(Unwritable)
