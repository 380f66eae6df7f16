"""`workflows.find`, `workflows.ensure`, `workflows.create` with a definition, and workflows in place of their IDs."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from fibonacci import AmbiguousNameError, Fibonacci, WorkflowBuilder
from fibonacci.definitions import DefinitionError, WorkflowDefinition
from fibonacci.emulator import Emulator
from fibonacci.models import Workflow
from tests.kit.assertions import each_row
from tests.kit.mode import Mode, both_modes
from tests.kit.nodes import llm
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, error_body, respond, respond_json

DEFINITION = {"nodes": [llm("greet", "Greet {{input.name}}")]}
REFUSAL = respond(400, error_body("bad_request", "limit is at most 100"))


class TestFind:
    def test_the_exact_name(self, mode: Mode, client: Fibonacci, any_client: Any) -> None:
        made = {name: client.workflows.create(name=name).id for name in ("Greeter", "greeter", "Greeter 2")}
        assert {name: mode.run(any_client.workflows.find(name)).id for name in made} == made
        assert mode.run(any_client.workflows.find("Greet")) is None

    def test_several_with_the_name(self, mode: Mode, client: Fibonacci, any_client: Any) -> None:
        ids = [client.workflows.create(name="Twin").id for _ in range(2)]
        error = mode.end(any_client.workflows.find, "Twin").error
        assert isinstance(error, AmbiguousNameError)
        assert isinstance(error, ValueError)
        assert error.workflow_ids == ids
        assert str(error) == f"2 workflows have the name 'Twin': pass one of their ids, {ids[0]}, {ids[1]}"

    @each_row(
        ("refusals", "queries"),
        [([], ["limit=200", "limit=200&cursor=2"]), ([REFUSAL], ["limit=200", "", "cursor=2"])],
    )
    def test_on_any_page_and_on_a_platform_that_refuses_large_ones(
        self, mode: Mode, refusals: list[Step], queries: list[str]
    ) -> None:
        pages = [
            respond_json({"data": [{"id": "wf-1", "name": "a"}], "meta": {"next_cursor": "2"}}),
            respond_json({"data": [{"id": "wf-2", "name": "b"}]}),
        ]
        with ScriptedServer(*refusals, *pages) as server:
            assert mode.run(mode.client_of(server).workflows.find("b")).id == "wf-2"
        assert [each.query for each in server.requests] == queries


class TestEnsure:
    @both_modes
    def test_it_creates_updates_or_leaves_it_and_says_which(
        self, mode: Mode, any_client: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="fibonacci")
        ensure = any_client.workflows.ensure
        made = mode.run(ensure(greeter()))
        assert (made.name, made.version) == ("Greeter", 1)
        assert mode.run(ensure(greeter())) == made
        changed = mode.run(ensure(greeter("Welcome")))
        assert (changed.id, changed.version) == (made.id, 2)
        assert mode.run(ensure(greeter("Welcome"))).version == 2
        assert [record.getMessage() for record in caplog.records if record.name == "fibonacci"] == [
            f"workflow 'Greeter' ({made.id}) was {done}"
            for done in ("created", "left as it is", "updated", "left as it is")
        ]

    @both_modes
    def test_what_means_the_same_is_left_and_what_is_not_given_stays(
        self, mode: Mode, emulator: Emulator, any_client: Any
    ) -> None:
        ensure = any_client.workflows.ensure
        mode.run(ensure(greeter(description="Greets")))
        same = {"nodes": [{"id": "greet", "type": "llm", "prompt": "Greet {{ input.name }}"}]}
        emulator.requests.clear()
        for arguments in (
            ({"name": "Greeter", **same},),
            (WorkflowDefinition.model_validate({"name": "Greeter", **same}),),
            ({"$schema": "https://example.com/schema.json", **same, "name": "Greeter"},),
        ):
            assert mode.run(ensure(*arguments)).description == "Greets"
        assert mode.run(ensure(name="Greeter", definition=same)).version == 1
        assert mode.run(ensure(name="Greeter", description="Greets")).version == 1
        assert {each.method for each in emulator.requests} == {"GET"}
        changed = mode.run(ensure(name="Greeter", description="Greets people"))
        assert (changed.version, len(changed.definition["nodes"])) == (2, 1)
        assert mode.run(ensure(greeter(), description=None)).description is None

    def test_a_list_without_definitions(self, mode: Mode) -> None:
        whole = {"id": "wf-1", "name": "Greeter", "definition": DEFINITION}
        listed = respond_json({"data": [{"id": "wf-1", "name": "Greeter"}]})
        with ScriptedServer(listed, respond_json({"data": whole})) as server:
            ensured = mode.run(mode.client_of(server).workflows.ensure(name="Greeter", definition=DEFINITION))
        assert ensured.definition == DEFINITION
        assert [each.method for each in server.requests] == ["GET", "GET"]

    def test_several_with_the_name(self, mode: Mode, client: Fibonacci, any_client: Any) -> None:
        for _ in range(2):
            client.workflows.create(name="Greeter")
        assert isinstance(mode.end(any_client.workflows.ensure, greeter()).error, AmbiguousNameError)


class TestWorkflowsInPlaceOfIds:
    def test_every_call_takes_a_workflow(self, mode: Mode, any_client: Any) -> None:
        workflows, executions = any_client.workflows, any_client.executions
        workflow = mode.run(workflows.create(name="Greeter", definition=DEFINITION))
        inputs = {"name": "Ada"}
        assert mode.run(workflows.run(workflow, inputs=inputs)).workflow_id == workflow.id
        assert mode.run(workflows.execute(workflow, inputs=inputs)).workflow_id == workflow.id
        assert mode.run(workflows.run_many(workflow, [inputs]).results())[0].succeeded
        assert len(mode.run(executions.list(workflow_id=workflow).take(9))) == 3
        assert mode.run(executions.cancel_all(workflow_id=workflow)) == []
        assert mode.run(workflows.get(workflow)).id == workflow.id
        assert mode.run(workflows.update(workflow, description="Greets")).version == 2
        assert mode.run(any_client.versions.get(workflow, 1)).version == 1
        assert mode.run(any_client.versions.rollback(workflow, 1)).version == 3
        assert len(mode.run(any_client.versions.list(workflow).take(9))) == 3
        assert mode.run(any_client.registry.approve_template(workflow)).workflow_id == workflow.id
        mode.run(any_client.memory.set("topic", "tides", workflow_id=workflow))
        assert mode.run(any_client.memory.get("topic", workflow_id=workflow)).workflow_id == workflow.id
        mode.run(any_client.memory.delete("topic", workflow_id=workflow))
        mode.run(workflows.delete(workflow))


def greeter(verb: str = "Greet", **options: Any) -> WorkflowBuilder:
    flow = WorkflowBuilder("Greeter", **options)
    flow.llm("greet", f"{verb} {flow.inputs().name}")
    return flow


NAMED = {"name": "X", **DEFINITION}


class TestCreate:
    def test_a_builder_gives_name_and_description(self, mode: Mode, any_client: Any) -> None:
        flow = greeter(description="Greets people")
        made = mode.run(any_client.workflows.create(flow))
        assert (made.name, made.description) == ("Greeter", "Greets people")
        assert made.definition == flow.definition.model_dump(mode="json", exclude_unset=True)
        assert mode.run(any_client.workflows.run(made.id, inputs={"name": "Ada"})).succeeded

    def test_a_builder_in_place_of_json(self, mode: Mode, any_client: Any) -> None:
        made = mode.run(any_client.workflows.create(name="Other", definition=greeter()))
        assert (made.name, made.definition["name"]) == ("Other", "Greeter")
        assert mode.run(any_client.workflows.update(made, definition=greeter())).version == 2

    @each_row(
        ("workflow", "arguments", "name", "description"),
        [
            (NAMED, {}, "X", None),
            (WorkflowDefinition.model_validate(NAMED), {}, "X", None),
            (greeter(description="Greets people"), {"name": "Other"}, "Other", "Greets people"),
            (greeter(description="Greets people"), {"description": "Else"}, "Greeter", "Else"),
            (greeter(description="Greets people"), {"description": None}, "Greeter", None),
        ],
    )
    def test_arguments_precede_the_definition(
        self,
        mode: Mode,
        emulator: Emulator,
        any_client: Any,
        workflow: Any,
        arguments: dict[str, Any],
        name: str,
        description: str | None,
    ) -> None:
        made = mode.run(any_client.workflows.create(workflow, **arguments))
        assert (made.name, made.description) == (name, description)
        assert ("description" in emulator.requests.last.json) == isinstance(workflow, WorkflowBuilder)


NO_NAME = "needs a name: pass name=..., or a definition with a name as the workflow"
NO_DEFINITION = "a definition must be a WorkflowBuilder, a WorkflowDefinition or a mapping"
NAN = {"nodes": [{"id": "a", "type": "llm", "temperature": float("nan")}]}
INSTEAD = "pass the Workflow that workflows.ensure returns for it"
REFUSED: list[tuple[str, tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    *(
        (call, (), {"name": name}, kind, f"name must be {said}")
        for call in ("find", "ensure")
        for name, kind, said in (
            (None, TypeError, "a str, not None"),
            (7, TypeError, "a str, not int"),
            ("", ValueError, "the name of a workflow, not ''"),
            (" ", ValueError, "the name of a workflow, not ' '"),
        )
    ),
    *(
        (call, positional, {}, TypeError, f"{call} {NO_NAME}")
        for call in ("ensure", "create")
        for positional in ((), (DEFINITION,), (WorkflowDefinition.model_validate(DEFINITION),))
    ),
    ("create", (), {"definition": DEFINITION}, TypeError, f"create {NO_NAME}"),
    ("ensure", ("Greeter",), {}, TypeError, NO_DEFINITION),
    ("create", ("X",), {}, TypeError, f"{NO_DEFINITION}, not str"),
    ("ensure", (Workflow(id="wf-1"),), {"name": "Greeter"}, TypeError, "not Workflow. Use its .definition"),
    ("ensure", (DEFINITION,), {"definition": DEFINITION}, TypeError, "takes a workflow or definition=..., not both"),
    ("create", (NAMED,), {"definition": DEFINITION}, TypeError, "takes a workflow or definition=..., not both"),
    ("ensure", (WorkflowBuilder("Greeter"),), {}, DefinitionError, "a workflow needs at least one node"),
    ("ensure", (), {"name": "Greeter", "definition": NAN}, ValueError, "definition.nodes[0].temperature is nan"),
    *(("run", (given,), {}, TypeError, INSTEAD) for given in (greeter(), greeter().definition, DEFINITION)),
]


@each_row(("call", "positional", "arguments", "kind", "text"), REFUSED)
def test_what_cannot_be_sent_is_refused_even_if_the_workflow_exists(
    mode: Mode,
    emulator: Emulator,
    client: Fibonacci,
    any_client: Any,
    call: str,
    positional: tuple[Any, ...],
    arguments: dict[str, Any],
    kind: type[Exception],
    text: str,
) -> None:
    client.workflows.create(name="Greeter")
    emulator.requests.clear()
    error = mode.end(getattr(any_client.workflows, call), *positional, **arguments).error
    assert type(error) is kind
    assert text in str(error)
    assert len(emulator.requests) == 0
