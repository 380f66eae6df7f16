"""`workflows.find`, `workflows.get_or_create`, and `workflows.create` with a builder or a definition."""

from __future__ import annotations

from typing import Any

from fibonacci import AmbiguousNameError, Fibonacci, WorkflowBuilder
from fibonacci.definitions import DefinitionError, WorkflowDefinition
from fibonacci.emulator import Emulator
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

    @each_row(
        ("name", "kind", "text"),
        [
            (None, TypeError, "name must be a str, not None"),
            (7, TypeError, "name must be a str, not int"),
            ("", ValueError, "name must be the name of a workflow, not ''"),
            (" ", ValueError, "name must be the name of a workflow, not ' '"),
        ],
    )
    @each_row("call", ["find", "get_or_create"])
    def test_a_wrong_name_is_refused_before_anything_is_sent(
        self, mode: Mode, emulator: Emulator, any_client: Any, call: str, name: Any, kind: type[Exception], text: str
    ) -> None:
        arguments: dict[str, Any] = {"name": name}
        error = mode.end(getattr(any_client.workflows, call), **arguments).error
        assert (type(error), str(error)) == (kind, text)
        assert len(emulator.requests) == 0


class TestGetOrCreate:
    @both_modes
    def test_it_is_created_once_and_not_updated(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        get_or_create = any_client.workflows.get_or_create
        made = mode.run(get_or_create(name="Greeter", description="Greets", definition=DEFINITION))
        assert (made.name, made.description, made.definition) == ("Greeter", "Greets", DEFINITION)
        emulator.requests.clear()
        found = mode.run(get_or_create(name="Greeter", description="Other", definition={"nodes": []}))
        assert (found.id, found.version, found.description) == (made.id, 1, "Greets")
        assert [each.method for each in emulator.requests] == ["GET"]

    def test_several_with_the_name(self, mode: Mode, client: Fibonacci, any_client: Any) -> None:
        for _ in range(2):
            client.workflows.create(name="Twin")
        assert isinstance(mode.end(any_client.workflows.get_or_create, name="Twin").error, AmbiguousNameError)

    def test_a_definition_that_cannot_be_sent_is_refused_even_if_the_workflow_exists(
        self, mode: Mode, emulator: Emulator, client: Fibonacci, any_client: Any
    ) -> None:
        client.workflows.create(name="Greeter")
        emulator.requests.clear()
        wrong = {"nodes": [{"id": "a", "type": "llm", "temperature": float("nan")}]}
        error = mode.end(any_client.workflows.get_or_create, name="Greeter", definition=wrong).error
        assert isinstance(error, ValueError)
        assert "definition.nodes[0].temperature is nan" in str(error)
        assert len(emulator.requests) == 0


class TestCreate:
    def flow(self) -> WorkflowBuilder:
        flow = WorkflowBuilder("Greeter", description="Greets people")
        flow.llm("greet", f"Greet {flow.inputs().name}")
        return flow

    def test_a_builder_gives_name_and_description(self, mode: Mode, any_client: Any) -> None:
        made = mode.run(any_client.workflows.create(self.flow()))
        assert (made.name, made.description) == ("Greeter", "Greets people")
        assert made.definition == self.flow().definition.model_dump(mode="json", exclude_unset=True)
        assert mode.run(any_client.workflows.run(made.id, inputs={"name": "Ada"})).succeeded

    def test_of_a_definition(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        made = mode.run(any_client.workflows.create(WorkflowDefinition.model_validate({"name": "X", **DEFINITION})))
        assert (made.name, made.description) == ("X", None)
        assert "description" not in emulator.requests.last.json

    @each_row(
        ("arguments", "name", "description"),
        [
            ({"name": "Other"}, "Other", "Greets people"),
            ({"description": "Else"}, "Greeter", "Else"),
            ({"description": None}, "Greeter", None),
            ({"name": "Other", "description": "Else"}, "Other", "Else"),
        ],
    )
    def test_arguments_precede_the_builder(
        self, mode: Mode, any_client: Any, arguments: dict[str, Any], name: str, description: str | None
    ) -> None:
        made = mode.run(any_client.workflows.create(self.flow(), **arguments))
        assert (made.name, made.description) == (name, description)

    @each_row(
        ("positional", "arguments", "text"),
        [
            ((), {}, "create needs a name: pass name=..., or a WorkflowBuilder, which has one"),
            ((), {"definition": DEFINITION}, "create needs a name"),
            ((WorkflowDefinition.model_validate(DEFINITION),), {}, "create needs a name"),
            ((DEFINITION,), {"name": "X"}, "not dict: pass JSON as definition=..., and the name as name=..."),
            (("X",), {}, "create takes a WorkflowBuilder or a WorkflowDefinition, not str"),
            ((None,), {"name": "X"}, "create takes a WorkflowBuilder or a WorkflowDefinition, not None"),
            (
                (WorkflowDefinition.model_validate(DEFINITION),),
                {"name": "X", "definition": DEFINITION},
                "create takes a workflow or definition=..., not both",
            ),
        ],
    )
    def test_other_arguments_are_refused_before_anything_is_sent(
        self,
        mode: Mode,
        emulator: Emulator,
        any_client: Any,
        positional: tuple[Any, ...],
        arguments: dict[str, Any],
        text: str,
    ) -> None:
        error = mode.end(any_client.workflows.create, *positional, **arguments).error
        assert isinstance(error, TypeError)
        assert text in str(error)
        assert len(emulator.requests) == 0

    def test_a_builder_with_a_fault(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        without_nodes = WorkflowBuilder("Faulty")
        assert isinstance(mode.end(any_client.workflows.create, without_nodes).error, DefinitionError)
        assert len(emulator.requests) == 0
