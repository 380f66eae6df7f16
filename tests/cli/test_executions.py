"""`fibonacci executions get`, `list` and `retry`: a node of a run, the runs of the last hour, and a run once more."""

from __future__ import annotations

import pytest

from fibonacci.cli.context import Context
from fibonacci.emulator import Emulator
from tests.cli.invocation import invoke
from tests.kit.nodes import llm

GREET = {"nodes": [llm("greet", "Greet {{input.name}}"), llm("part", "Part with {{greet}}")]}
EXECUTE = "POST /workflows/{workflow_id}/execute"


@pytest.fixture
def execution_id(platform: Emulator) -> str:
    """Return the ID of an execution of the workflow Greeter."""
    with platform.client() as client:
        workflow_id = client.workflows.create(name="Greeter", definition=GREET).id
        return client.workflows.execute(workflow_id, inputs={"name": "Ada"}).id


class TestNode:
    def test_a_node_is_printed_alone(self, execution_id: str) -> None:
        run = invoke("executions", "get", execution_id, "--node", "greet")
        assert run.code == 0
        assert (run.data["id"], run.data["status"], run.data["output"]) == (
            *("greet", "completed", "[default model] Greet Ada"),
        )
        run = invoke("executions", "get", execution_id, "--node", "greet", "--fields", "attempts")
        assert run.data == {"attempts": 1}

    def test_a_node_that_is_not_there(self, execution_id: str) -> None:
        run = invoke("executions", "get", execution_id, "--node", "gret")
        problem = f"fibonacci: --node: {execution_id} has no node 'gret'. Did you mean 'greet'?\n"
        assert (run.code, run.out, run.err) == (64, "", problem)


class TestSince:
    def test_the_runs_of_a_period_or_since_a_time(self, platform: Emulator, execution_id: str) -> None:
        found = invoke("executions", "list", "--since", "1h", "--status", "completed").lines
        assert [each["id"] for each in found] == [execution_id]
        assert invoke("executions", "list", "--since", "2200-01-01").out == ""


class TestRetry:
    def test_it_starts_the_workflow_with_the_same_inputs(self, platform: Emulator, execution_id: str) -> None:
        run = invoke("executions", "retry", execution_id, "--yes")
        assert (run.code, run.err) == (0, "")
        assert run.data["id"] != execution_id
        assert run.data["outputs"]["greet"] == "[default model] Greet Ada"

    def test_it_asks_first(self, platform: Emulator, execution_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        run = invoke("executions", "retry", execution_id)
        assert (run.code, run.out) == (64, "")
        assert run.err == "fibonacci: retry starts a run. Pass --yes: there is no terminal to ask on\n"

        def can_ask(context: Context, question: str) -> None:
            """Do nothing, as on a terminal."""

        monkeypatch.setattr(Context, "check_confirmable", can_ask)
        asked = invoke("executions", "retry", execution_id, stdin="n\n")
        question = f"Run 'Greeter' again with the inputs of {execution_id} (completed), at {platform.base_url}"
        assert (asked.code, asked.out) == (64, "")
        assert asked.err.startswith(question)
        assert invoke("executions", "retry", execution_id, stdin="y\n").code == 0
        assert platform.requests.to(EXECUTE).count == 2

    def test_one_of_unknown_outcome_says_how_to_find_out(self, platform: Emulator, execution_id: str) -> None:
        platform.fail(EXECUTE, status=502)
        run = invoke("executions", "retry", execution_id, "--yes")
        assert (run.code, run.out) == (75, "")
        assert run.err.endswith("To find out whether it was started: fibonacci executions list --limit 5\n")
