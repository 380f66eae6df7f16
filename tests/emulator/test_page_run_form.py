"""The form that runs a workflow with inputs: from the definition to fields, and from fields to inputs."""

from __future__ import annotations

from typing import Any

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
NAME, COUNT, MOOD, LOUD, TAGS = (f"input.{name}" for name in PROPERTIES)


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="manual", api_key="fib-page", secrets={"TOKEN": "hunter2"})


@pytest.fixture
def client(emulator: Emulator) -> Fibonacci:
    return emulator.client()


@pytest.fixture
def address(client: Fibonacci) -> str:
    return f"/ui/workflows/{create(client, llm('greet', 'Greet {{input.name}}'), input_schema=SCHEMA)}"


def send(page: PageClient, address: str, **changes: str) -> PageResponse:
    """Change fields of the form that an address shows, and send it."""
    fields = page.get(address).form("run-form")
    changed = fields | {f"input.{name}" if f"input.{name}" in fields else name: text for name, text in changes.items()}
    return page.act(f"{address.partition('?')[0]}/execute", **changed)


def last_inputs(client: Fibonacci) -> dict[str, Any]:
    run = client.executions.list().first()
    assert run is not None
    return client.executions.get(run.id).inputs or {}


def test_each_input_of_the_schema_has_a_field_with_its_default(page: PageClient, address: str) -> None:
    shown = page.get(address)
    assert shown.form("run-form") == {NAME: "", COUNT: "3", MOOD: "", LOUD: "", TAGS: "", "back": address}
    for text in ("name (required)", "Whom. To greet", "JSON: array", "kind stern 7", "true false"):
        assert text in shown.text


def test_what_is_entered_is_read_by_its_type_and_what_is_empty_is_not_sent(
    page: PageClient, client: Fibonacci, address: str
) -> None:
    send(page, address, name="Ada\r\nL.", count="", mood="2", loud="0", tags='["a"]')
    assert last_inputs(client) == {"name": "Ada\nL.", "mood": 7, "loud": True, "tags": ["a"]}


@each_row(
    ("changes", "place", "fault"),
    [
        ({}, "input-0", "it is missing, but used by node 'greet'"),
        ({"count": "many"}, "input-1", "is a number such as 60, not 'many'"),
        ({"name": "Ada", "count": "1.5"}, "input-1", "1.5 is not of the type integer"),
        ({"mood": "9"}, "input-2", 'is one of "kind", "stern", 7'),
        ({"tags": "[1"}, "input-4", "is not JSON"),
        ({"name": "Ada", "tags": "[1]"}, "input-4", "inputs.tags[0]: 1 is not of the type string"),
    ],
)
def test_a_fault_is_said_at_its_field_and_nothing_is_lost(changes: dict[str, str], place: str, fault: str) -> None:
    emulator = Emulator(time="manual", api_key="fib-page")
    page, client = PageClient(emulator).sign_in(), emulator.client()
    workflow = create(client, llm("greet", "Greet {{input.name}}"), input_schema=SCHEMA)
    shown = send(page, f"/ui/workflows/{workflow}", **changes)
    said = shown.body.partition(f'id="{place}-fault">')[2].partition("<")[0]
    assert fault in PageResponse(200, {}, said).text
    assert f'aria-describedby="{place}-fault' in shown.body
    entered = shown.form("run-form")
    assert {name: entered[f"input.{name}"] for name in changes if name != "mood"} == {
        name: text for name, text in changes.items() if name != "mood"
    }
    assert client.executions.list().first() is None


def test_what_only_the_checks_refuse_can_be_run_anyway(page: PageClient, client: Fibonacci) -> None:
    address = f"/ui/workflows/{create(client, llm('greet', 'Greet {{input.name}}'))}"
    assert "Run anyway" not in page.get(address).text
    assert "Run anyway" in send(page, address, inputs="{}").text
    send(page, address, inputs="{}", check="off")
    assert last_inputs(client) == {}


def test_all_inputs_can_be_entered_as_json(page: PageClient, client: Fibonacci, address: str) -> None:
    assert "as=json" in page.get(address).body
    assert page.get(f"{address}?as=json").form("run-form") == {
        "inputs": '{\r\n  "name": ""\r\n}',
        "back": f"{address}?as=json",
    }
    refused = send(page, f"{address}?as=json", inputs='{"name": "Ada", "count": "3"}')
    assert "inputs.count: &#x27;3&#x27; is not of the type integer" in refused.body
    assert refused.form("run-form")["inputs"] == '{"name": "Ada", "count": "3"}'
    send(page, f"{address}?as=json", inputs='{"name": "Ada", "other": 1}')
    assert last_inputs(client) == {"name": "Ada", "other": 1}


@each_row(
    ("definition", "sample"),
    [
        (None, "{}"),
        (
            {"nodes": [llm("a", "{{input.user.name}} {{input.rows.0.x}} {{input.user}}")]},
            '{"user":{"name":""},"rows":""}',
        ),
        ({"nodes": [llm("a", "{{input.a}} {{input.a.b}}")]}, '{"a":{"b":""}}'),
        ({"nodes": [llm("a")], "input_schema": {"properties": {"the hunter2": {}}}}, "{}"),
        ({"nodes": [llm("a")], "input_schema": {"$ref": "#/nowhere"}}, "{}"),
    ],
)
def test_without_fields_inputs_are_entered_as_json(definition: dict[str, Any] | None, sample: str) -> None:
    emulator = Emulator(time="manual", api_key="fib-page", secrets={"TOKEN": "hunter2"})
    page, client = PageClient(emulator).sign_in(), emulator.client()
    workflow = client.workflows.create(name="test", definition=definition).id
    assert "".join(page.get(f"/ui/workflows/{workflow}").form("run-form")["inputs"].split()) == sample
