"""The form that runs a workflow with inputs: from the definition to fields, and from fields to inputs."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from tests.emulator.handling import create
from tests.emulator.page_client import PageClient, PageResponse
from tests.kit.assertions import each_row
from tests.kit.nodes import llm

PROPERTIES: dict[str, Any] = {
    "name": {"type": "string", "title": "Whom", "description": "To greet."},
    "count": {"type": "integer", "default": 3},
    "mood": {"enum": ["kind", "stern", 7]},
    "loud": {"type": "boolean"},
    "tags": {"$ref": "#/$defs/tags"},
}
SCHEMA = {
    "type": "object",
    "properties": PROPERTIES,
    "required": ["name"],
    "$defs": {"tags": {"type": "array", "items": {"type": "string"}}},
}
NAME, COUNT, MOOD, LOUD, TAGS = (f"inputs.{name}" for name in PROPERTIES)


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="manual", api_key="fib-page", secrets={"TOKEN": "hunter2"})


@pytest.fixture
def address(client: Fibonacci) -> str:
    return f"/ui/workflows/{create(client, llm('greet', 'Greet {{input.name}}'), input_schema=SCHEMA)}"


def send(page: PageClient, address: str, **changes: str) -> PageResponse:
    """Change fields of the form that an address shows, and send it."""
    fields = page.get(address).form("run-form")
    changed = fields | {
        f"inputs.{name}" if f"inputs.{name}" in fields else name: text for name, text in changes.items()
    }
    return page.act(f"{address.partition('?')[0]}/execute", **changed)


def last_inputs(client: Fibonacci) -> dict[str, Any]:
    run = client.executions.list().first()
    assert run is not None
    return client.executions.get(run.id).inputs or {}


def test_each_input_of_the_schema_has_a_field_with_its_default(page: PageClient, address: str) -> None:
    shown = page.get(address)
    empty = dict.fromkeys((NAME, MOOD, LOUD, TAGS), "")
    assert shown.form("run-form") == {**empty, COUNT: "3", "inputs": "{}", "back": address}
    for text in ("name (required)", "Whom. To greet", "JSON: array", "kind stern 7", "true false"):
        assert text in shown.text


def test_what_is_entered_is_read_by_its_type_and_what_is_empty_is_not_sent(
    page: PageClient, client: Fibonacci, address: str
) -> None:
    send(page, address, name="Ada\r\nL.", count="", mood="7", loud="true", tags='["a"]')
    assert last_inputs(client) == {"name": "Ada\nL.", "mood": 7, "loud": True, "tags": ["a"]}


@each_row(
    ("changes", "place", "fault"),
    [
        ({}, "run-form-0", "it is missing, but used by node 'greet'"),
        ({"count": "many"}, "run-form-1", "must be a number such as 60, not 'many'"),
        ({"name": "Ada", "mood": "9"}, "run-form-2", "9 is not one of 'kind', 'stern', 7"),
        ({"name": "Ada", "tags": "[1]"}, "run-form-4", "inputs.tags[0]: 1 is not of the type string"),
    ],
)
def test_a_fault_is_said_at_its_field_and_nothing_is_lost(
    page: PageClient, client: Fibonacci, address: str, changes: dict[str, str], place: str, fault: str
) -> None:
    shown = send(page, address, **changes)
    said = shown.body.partition(f'id="{place}-fault">')[2].partition("<")[0]
    assert fault in PageResponse(200, {}, said).text
    assert f'aria-describedby="{place}-fault' in shown.body
    entered = shown.form("run-form")
    assert {name: entered[f"inputs.{name}"] for name in changes if name != "mood"} == {
        name: text for name, text in changes.items() if name != "mood"
    }
    assert client.executions.list().first() is None


@each_row(
    ("schema", "value", "text"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}, "Ada", "Ada"),
        ({"type": ["null", "integer"]}, 5, "5"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "Ada", '"Ada"'),
        ({"type": "string"}, 5, "5"),
    ],
)
def test_a_field_has_the_kind_of_the_only_type_and_of_the_value(schema: Any, value: Any, text: str) -> None:
    emulator = Emulator(time="manual", api_key="fib-page")
    page, client = PageClient(emulator).sign_in(), emulator.client()
    root: dict[str, Any] = {"properties": {"name": {}}}
    workflow = create(client, llm("greet"), input_schema=root)
    run = client.workflows.execute(workflow, inputs={"name": value}).id
    root["properties"] = {"name": schema}
    client.workflows.update(workflow, definition={"nodes": [llm("greet")], "input_schema": root})
    again = f"/ui/runs/{run}/again"
    assert page.get(again).form("run-form")["inputs.name"] == text
    page.act(again, **page.get(again).form("run-form"), check="off")
    assert client.executions.list().first() is not None
    if schema != {"type": "string"}:
        assert last_inputs(client) == {"name": value}


@each_row(
    ("definition", "sample"),
    [
        (None, "{}"),
        ({"nodes": [llm("a", "{{input.user.name}} {{input.rows.0.x}}")]}, '{"user":"","rows":""}'),
        ({"nodes": [llm("a")], "input_schema": {"properties": {"the hunter2": {}}}}, "{}"),
        ({"nodes": [llm("a")], "input_schema": {"$ref": "#/nowhere"}}, "{}"),
    ],
)
def test_without_fields_inputs_are_entered_as_json(definition: dict[str, Any] | None, sample: str) -> None:
    emulator = Emulator(time="manual", api_key="fib-page", secrets={"TOKEN": "hunter2"})
    page, client = PageClient(emulator).sign_in(), emulator.client()
    workflow = client.workflows.create(name="test", definition=definition).id
    assert "".join(page.get(f"/ui/workflows/{workflow}").form("run-form")["inputs"].split()) == sample


class TestRunAgain:
    INPUTS: ClassVar[dict[str, Any]] = {
        "name": 'Ada\n"L." \U0001f40d',
        "count": 2.0,
        "mood": 7,
        "loud": False,
        "tags": ["a"],
        "more": {"key": [True, None]},
    }

    def test_what_is_changed_is_sent_and_the_rest_stays(
        self, page: PageClient, client: Fibonacci, address: str
    ) -> None:
        workflow = address.rpartition("/")[2]
        again = f"/ui/runs/{client.workflows.execute(workflow, inputs=self.INPUTS).id}/again"
        fields = page.get(again).form("run-form")
        changes = {"inputs.count": "", "inputs": fields["inputs"].replace("true", "5")}
        page.act(again, **fields | changes)
        expected = self.INPUTS | {"more": {"key": [5, None]}}
        del expected["count"]
        assert last_inputs(client) == expected

    def test_a_secret_has_to_be_entered_again_and_the_form_says_so(
        self, page: PageClient, client: Fibonacci, address: str
    ) -> None:
        workflow = address.rpartition("/")[2]
        again = f"/ui/runs/{client.workflows.execute(workflow, inputs={'name': 'hunter2'}).id}/again"
        shown = page.get(again)
        assert "Replace each *** with the secret that it hides." in shown.text
        assert "hunter2" not in shown.body
        refused = page.act(
            f"/ui/workflows/{workflow}/execute", **{"inputs.name": "hunter2", "inputs.count": "x"}, back=address
        )
        assert "Replace each *** with the secret that it hides." in refused.text
        page.act(again, **shown.form("run-form") | {"inputs.name": "hunter2"})
        assert last_inputs(client) == {"name": "hunter2"}


class TestFromCode:
    INPUTS: ClassVar[dict[str, Any]] = {"name": "'\"$HOME`id`\\ \n!é\U0001f40d", "list": [True, None, 1.5]}

    def test_the_program_runs_the_same_as_pasted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with Emulator(api_key="fib-page") as emulator:
            client = emulator.client()
            run = client.workflows.execute(create(client, llm("greet", "Greet {{input.name}}")), inputs=self.INPUTS)
            host = emulator.base_url.removeprefix("http://").removesuffix("/v1")
            program = PageClient(emulator, host=host).sign_in().get(f"/ui/runs/{run.id}").block("python")
            monkeypatch.setenv("FIBONACCI_API_KEY", "fib-page")
            exec(compile(program, "pasted.py", "exec"), {})
            assert last_inputs(client) == self.INPUTS
            assert len(list(client.executions.list())) == 2

    def test_the_key_and_secrets_are_not_in_it(self, page: PageClient, client: Fibonacci, address: str) -> None:
        run = client.workflows.execute(address.rpartition("/")[2], inputs={"name": "hunter2"}).id
        shown = page.get(f"/ui/runs/{run}")
        assert "Replace each *** with the secret that it hides." in shown.text
        assert "hunter2" not in shown.body
        assert "fib-page" not in shown.body
