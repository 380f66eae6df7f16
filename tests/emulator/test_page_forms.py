"""The forms of the page: what they do, and what they say if it cannot be done."""

from __future__ import annotations

import pytest

from fibonacci import Fibonacci, FibonacciError
from fibonacci.emulator import Emulator, NodeFailure
from fibonacci.emulator.facade import app_of
from tests.emulator.handling import create
from tests.emulator.page_client import PageClient
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool

MAIL = tool("tell", "email_send", {"to": "team@example.org", "subject": "News", "body": "High tide"})


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="manual", api_key="fib-page")


def waiting_run(client: Fibonacci) -> str:
    client.organizations.governance.update("default", require_approval_for_external_comm=True)
    return client.workflows.execute(create(client, MAIL)).id


def test_a_waiting_run_is_approved_or_rejected_on_the_page(page: PageClient, client: Fibonacci) -> None:
    run = waiting_run(client)
    assert "Approvals 1 waiting" in page.get("/").text
    shown = page.act(f"/ui/runs/{run}/decision", by="admin", decision="approve", back="/ui/approvals")
    assert "admin approved the run. State: completed." in shown.text
    assert client.executions.get(run).status == "completed"
    other = waiting_run(client)
    page.act(f"/ui/runs/{other}/decision", by="admin", decision="reject")
    assert client.executions.get(other).status == "cancelled"


@each_row(
    ("inputs", "reason"),
    [('{"name": ', "is not JSON: Expecting value: line 1 column 9"), ("[1]", "must be a JSON object such as")],
)
def test_faulty_inputs_are_said_and_kept(page: PageClient, client: Fibonacci, inputs: str, reason: str) -> None:
    workflow = create(client, llm("greet", "Greet {{input.name}}"))
    back = f"/ui/workflows/{workflow}"
    shown = page.act(f"{back}/execute", inputs=inputs, back=back)
    assert reason in shown.text
    assert inputs in shown.text
    assert client.executions.list().first() is None
    assert reason not in page.get(back).text


def test_a_run_is_canceled_on_the_page(page: PageClient, client: Fibonacci) -> None:
    run = client.workflows.execute(create(client, tool("pause", "wait", {"seconds": 60}))).id
    assert "The run was canceled." in page.act(f"/ui/runs/{run}/cancel").text
    assert client.executions.get(run).status == "cancelled"
    assert "cannot be canceled" in page.act(f"/ui/runs/{run}/cancel", back=f"/ui/runs/{run}").text


def test_advance_the_clock(page: PageClient, client: Fibonacci, emulator: Emulator) -> None:
    run = client.workflows.execute(create(client, tool("pause", "wait", {"seconds": 60}))).id
    before = emulator.clock.now()
    page.act("/ui/clock/advance", seconds="3600")
    page.act("/ui/clock/advance", seconds="0.5")
    assert emulator.clock.now() - before == 3600.5
    assert client.executions.get(run).status == "completed"


def test_inject_and_remove_failures(page: PageClient, client: Fibonacci, emulator: Emulator) -> None:
    form = {"route": "GET /tools", "kind": "status", "status": "503", "times": "1", "seconds": "", "retry_after": ""}
    page.act("/ui/failures/inject", **form)
    assert [(each.route, each.status, each.times) for each in emulator.failures] == [("GET /tools", 503, 1)]
    with pytest.raises(FibonacciError):
        client.with_options(max_retries=0).tools.list().first()
    page.act("/ui/failures/inject", route="*", kind="delay", seconds="2.5", times="")
    assert (emulator.failures[1].times, emulator.failures[1].seconds) == (None, 2.5)
    page.act("/ui/failures/clear")
    assert len(emulator.failures) == 0


def test_delete_a_value_and_clear_the_log(page: PageClient, client: Fibonacci, emulator: Emulator) -> None:
    client.memory.set("color", "blue", scope="user", user_id="ada")
    client.memory.set("color", "red")
    assert "color was deleted." in page.act("/ui/memory/1/delete").text
    assert [entry["value"] for entry in app_of(emulator).store.memory.records()] == ["red"]
    assert "it may have expired" in page.act("/ui/memory/1/delete", back="/ui/organization").text
    page.act("/ui/requests/clear")
    assert emulator.requests.count == 0


def test_scripts_are_added_and_removed(page: PageClient, client: Fibonacci, emulator: Emulator) -> None:
    workflow = create(client, llm("greet"))
    shown = page.act("/ui/scripts/add", name="greet", answers='["Hello", {"$failure": "error", "message": "down"}]')
    assert 'greet ["Hello", {"$failure": "error", "message": "down"}] 0 2' in shown.text
    assert client.workflows.execute(workflow).outputs == {"greet": "Hello"}
    assert "Scripts 1 with answers left" in shown.text
    assert "node 'greet': down" in str(client.executions.get(client.workflows.execute(workflow).id).error)
    page.act("/ui/scripts/clear")
    assert len(emulator.scripts) == 0


@each_row(
    ("target", "form", "reason"),
    [
        ("failures/inject", {"route": "GET /tool"}, "Similar ones are"),
        ("failures/inject", {"route": "*", "kind": "reset", "status": "500"}, "is only for status, rate_limit, html"),
        ("failures/inject", {"route": "*", "status": "many"}, "must be a number such as 60, not 'many'"),
        ("scripts/add", {"name": "greet", "answers": "[1"}, "is not JSON"),
        ("scripts/add", {"name": "", "answers": "[1]"}, "name: must not be empty"),
        ("clock/advance", {"seconds": ""}, "seconds: must not be empty"),
        ("clock/advance", {"seconds": "-1"}, "seconds"),
        ("clock/advance", {"seconds": "nan"}, "seconds"),
    ],
)
def test_what_is_not_valid_is_said_and_changes_nothing(
    page: PageClient, emulator: Emulator, target: str, form: dict[str, str], reason: str
) -> None:
    before = emulator.clock.now()
    shown = page.act(f"/ui/{target}", **form, back=f"/ui/{target.partition('/')[0]}")
    assert reason in shown.body.partition('role="alert"')[2].replace("&#39;", "'")
    assert (len(emulator.failures), len(emulator.scripts), emulator.clock.now()) == (0, 0, before)


class TestTheRestOfARun:
    @pytest.fixture
    def failed(self, client: Fibonacci, emulator: Emulator) -> str:
        """Return a run whose second node failed."""
        emulator.script("look", [{"found": 2}])
        emulator.script("bill", [NodeFailure(kind="error", message="down")])
        nodes = llm("look"), tool("bill", "invoice", {"of": "{{look.found}}"}), llm("end", "Tell {{bill.number}}")
        return client.workflows.execute(create(client, *nodes), inputs={"name": "Ada"}).id

    def test_it_runs_after_the_output_of_the_node_that_failed_was_entered(
        self, page: PageClient, client: Fibonacci, failed: str
    ) -> None:
        again = f"/ui/runs/{failed}/again?from=bill"
        assert again in page.get(f"/ui/runs/{failed}").body
        form = page.get(again).form("resume-form")
        shown = page.act(f"/ui/runs/{failed}/resume", **form | {"output": '{"number": 7}'})
        assert "The run has started. State: completed." in shown.text
        run = client.executions.list().first()
        assert run is not None
        outputs = client.executions.get(run.id).outputs
        assert outputs == {"look": {"found": 2}, "bill": {"number": 7}, "end": "[default model] Tell 7"}
        assert client.executions.get(run.id).inputs == {"name": "Ada"}
        assert client.executions.get(failed).status == "failed"

    def test_what_can_not_be_used_is_said(self, page: PageClient, client: Fibonacci, failed: str) -> None:
        again = f"/ui/runs/{failed}/again?from=bill"
        for form, reason in (
            ({"output": "{", "node": "bill"}, "is not JSON"),
            ({"output": "1", "node": "x"}, "must be a node"),
        ):
            assert reason in page.act(f"/ui/runs/{failed}/resume", **form, back=again).text
        assert len(list(client.executions.list())) == 1
