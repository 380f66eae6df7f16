"""Ten likely programs, each in a few lines, as a user would write them; here they run on the emulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fibonacci import Fibonacci, NotFoundError, WorkflowBuilder
from fibonacci.emulator import Emulator
from fibonacci.models import Execution, Tool
from tests.kit.nodes import llm

GREET = {"nodes": [llm("greet", "Greet {{input.name}}")]}
PAUSE = {"nodes": [{"id": "pause", "type": "tool", "tool": "wait", "params": {"seconds": 60}}]}
NAMES = ["Ada", "Bob", "Cem"]


@pytest.fixture(autouse=True)
def platform(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the environment name the emulator, where the programs find the platform."""
    monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
    monkeypatch.setenv("FIBONACCI_BASE_URL", emulator.base_url)


@pytest.fixture
def client() -> Iterator[Fibonacci]:
    with Fibonacci() as made:
        yield made


@pytest.fixture
def greeter(client: Fibonacci) -> str:
    return client.workflows.create(name="Greeter", definition=GREET).id


@pytest.fixture
def slow(client: Fibonacci) -> str:
    return client.workflows.create(name="Slow", definition=PAUSE).id


def test_1_run_a_workflow_by_its_name(client: Fibonacci, greeter: str) -> None:
    workflow = client.workflows.find("Greeter")
    assert workflow is not None
    outputs = client.workflows.run(workflow.id, inputs={"name": "Ada"}).outputs

    assert outputs["greet"].endswith("Greet Ada")


def test_2_make_sure_that_a_workflow_exists_when_a_service_starts(client: Fibonacci) -> None:
    workflow = client.workflows.get_or_create(name="Greeter", definition=GREET)

    assert client.workflows.get_or_create(name="Greeter", definition=GREET).id == workflow.id


def test_3_publish_a_workflow_that_is_written_in_python(client: Fibonacci) -> None:
    flow = WorkflowBuilder("Greeter", description="Greets people")
    flow.llm("greet", f"Greet {flow.inputs().name}")
    workflow = client.workflows.create(flow)

    assert (workflow.name, workflow.description) == ("Greeter", "Greets people")


def test_4_start_some_runs_and_collect_their_results(client: Fibonacci, greeter: str) -> None:
    started = [client.workflows.execute(greeter, inputs={"name": name}).id for name in NAMES]
    results = [each.outputs["greet"] for each in client.executions.wait_all(started, timeout=60)]

    assert [each.rpartition(" ")[2] for each in results] == NAMES


def test_5_show_how_a_run_gets_on(client: Fibonacci, greeter: str, capsys: pytest.CaptureFixture[str]) -> None:
    execution = client.workflows.execute(greeter, inputs={"name": "Ada"})
    for seen in client.executions.watch(execution.id):
        print(seen.status, seen.nodes_executed)

    assert capsys.readouterr().out == "completed 1\n"


def test_6_stop_a_run_that_nobody_needs_any_more(client: Fibonacci, greeter: str) -> None:
    execution = client.workflows.execute(greeter, inputs={"name": "Ada"})
    execution = client.executions.cancel(execution.id, if_ended="ignore")

    assert execution.succeeded  # it was faster


def test_7_stop_every_run_of_a_workflow(client: Fibonacci, slow: str) -> None:
    for _ in range(3):
        client.workflows.execute(slow)
    canceled = client.executions.cancel_all(workflow_id=slow)

    assert [each.status for each in canceled] == ["cancelled"] * 3


def test_8_serve_many_customers_each_with_their_own_key(client: Fibonacci, emulator: Emulator, greeter: str) -> None:
    def greet(customer_key: str, name: str) -> Execution:
        return client.with_options(api_key=customer_key).workflows.run(greeter, inputs={"name": name})

    ended = [
        greet(key, name) for key, name in zip((emulator.key("admin"), emulator.key("member")), NAMES, strict=False)
    ]
    assert [each.succeeded for each in ended] == [True, True]


def test_9_call_an_endpoint_that_the_sdk_does_not_have(client: Fibonacci) -> None:
    tool = client.request("GET", "/tools/calculator", headers={"X-Trace-Id": "4bf92f"}, timeout=5, returns=Tool)

    assert tool.name == "calculator"


def test_10_find_out_what_is_wrong_with_the_first_call(emulator: Emulator) -> None:
    client = Fibonacci(base_url=emulator.base_url.removesuffix("/v1"))
    with pytest.raises(NotFoundError) as caught:
        client.workflows.list().first()

    assert f"The base URL {client.base_url} has no /v1" in str(caught.value)
    client.close()
