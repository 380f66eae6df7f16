"""What a test prepared and never acted fails the test, so that none passes without what it says it tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fibonacci import ServerError
from fibonacci.cli.main import main
from fibonacci.emulator import Emulator, ToolCall
from tests.emulator.handling import create
from tests.kit.nodes import llm, tool
from tests.testing.conftest import RunPytest

PROJECT = """
import pytest

from fibonacci import ExecutionFailedError

NODES = [{"id": "classify", "type": "llm", "instruction": "How urgent?"}]
NODES += [{"id": "tell", "type": "tool", "tool": "slack_send_message", "params": {"channel": "x", "text": "Hi"}}]


@pytest.fixture
def run(fibonacci_client):
    workflow = fibonacci_client.workflows.create(name="Triage", definition={"nodes": NODES})
    return lambda: fibonacci_client.workflows.run(workflow.id).outputs


def test_a_script_for_no_node(fibonacci_emulator, run):
    fibonacci_emulator.script("clasify", ["high"])
    run()


def test_answers(fibonacci_emulator, run):
    fibonacci_emulator.script("classify", ["high", "low"])
    fibonacci_emulator.script("slack.send_message", ["sent"])
    run()


def test_a_failure(fibonacci_emulator, run):
    fibonacci_emulator.fail("GET /workflows")
    run()


def test_a_cassette(fibonacci_emulator, run, tmp_path):
    with fibonacci_emulator.record(tmp_path / "calls.json"):
        run()


def test_a_tool(fibonacci_emulator, run):
    fibonacci_emulator.tool("slack_send_mesage")(lambda call: "sent")
    fibonacci_emulator.tool("crm_lookup")(lambda call: "a tool of their own, which this test does not need")
    run()


def test_an_assertion_in_a_function(fibonacci_emulator, run):
    @fibonacci_emulator.llm
    def reply(call):
        assert call.instruction == "How urgent is it?"

    with pytest.raises(ExecutionFailedError):
        run()


def test_that_fails_for_something_else(fibonacci_emulator, run):
    fibonacci_emulator.script("clasify", ["high"])
    assert run()["classify"] == "high"


def test_that_is_skipped(fibonacci_emulator):
    fibonacci_emulator.script("classify", ["high"])
    pytest.skip("today")


@pytest.mark.fibonacci(allow_unused=True)
def test_that_means_it(fibonacci_emulator, run):
    fibonacci_emulator.script("clasify", ["high"])
    run()
"""

SHARED = """
import pytest


@pytest.fixture(scope="module")
def scripted(module_fibonacci_emulator):
    module_fibonacci_emulator.script("later", ["for the second test"])
    return module_fibonacci_emulator


def test_one(scripted):
    @scripted.llm
    def reply(call):
        assert call.instruction == "something else"

    node = {"id": "classify", "type": "llm", "instruction": "How urgent?"}
    client = scripted.client()
    client.workflows.execute(client.workflows.create(name="Triage", definition={"nodes": [node]}).id)


def test_two(session_fibonacci_emulator):
    with session_fibonacci_emulator.preserve_state():
        session_fibonacci_emulator.script("block", ["x"])


def test_three(class_fibonacci_emulator):
    class_fibonacci_emulator.script("class", ["x"])
"""


def test_each_source_fails_its_test_and_is_named(run_pytest: RunPytest) -> None:
    result = run_pytest(PROJECT)
    result.assert_outcomes(failed=7, passed=1, skipped=1)
    failures = result.stdout.str().split("= FAILURES =")[1].split("= short test summary info =")[0]
    for said in (
        "the script for 'clasify' was not used: no workflow has a node, a tool or a model of this name. "
        "Did you mean 'classify'?",
        "the script for 'classify' has answers that were not used: 1 of 2",
        "the failure status 500 for 'GET /workflows' was not delivered: no request has matched it. "
        "Did you mean 'POST /workflows'?",
        "calls.json was not used: no call was replayed or recorded",
        "the function for the tool 'slack_send_mesage' was not called: no workflow has this tool. "
        "Did you mean 'slack_send_message'?",
        'assert call.instruction == "How urgent is it?"',
        "allow_unused=True",
    ):
        assert said in failures
    assert "crm_lookup" not in failures
    assert failures.count("the script for 'clasify' was not used") == 3  # also in the report of what fails anyway
    assert "in unused" not in failures  # the message, and nothing of how it is found


def test_what_a_shared_emulator_has_is_checked_when_its_fixture_ends(run_pytest: RunPytest) -> None:
    result = run_pytest(SHARED)
    result.assert_outcomes(failed=2, passed=1, errors=1)
    shown = result.stdout.str()
    assert 'assert call.instruction == "something else"' in shown
    assert "the script for 'block' was not used" in shown
    assert "the script for 'class' was not used" in shown
    assert "ERROR at teardown of test_three" in shown
    assert "'later'" not in shown.split("= ERRORS =")[1].split("= FAILURES =")[0]  # one of its tests had failed


def test_a_with_block_without_an_error_is_checked_and_closes() -> None:
    with pytest.raises(AssertionError, match="the script for 'a' was not used"), Emulator() as emulator:
        emulator.script("a", ["x"])
    with pytest.raises(RuntimeError, match="not listening"):
        assert emulator.base_url
    with pytest.raises(KeyError), Emulator(scripts={"a": ["x"]}):
        raise KeyError
    with Emulator(scripts={"a": ["x"]}, allow_unused=True):
        pass


def test_what_acts_is_fine(tmp_path: Path) -> None:
    with Emulator() as emulator:
        client = emulator.client(max_retries=1)
        emulator.script("a", ["x"], repeat=True)
        emulator.script("claude-haiku-4-5", ["y"])
        emulator.fail("GET /health", times=None)
        emulator.chaos(rate=0.0001)
        emulator.tool("slack_send_mesage")(lambda call: "a tool of the workflow")
        emulator.record(tmp_path / "calls.json")
        nodes = [llm("a"), llm("b", model="claude-haiku-4-5"), tool("c", "slack_send_mesage")]
        client.workflows.run(create(client, *nodes))
        with pytest.raises(ServerError):
            client.health.check()
        emulator.replay(tmp_path / "calls.json")
        client.workflows.run(create(client, tool("c", "slack_send_mesage")))


def test_an_assertion_comes_with_its_traceback_and_with_what_else_never_acted() -> None:
    emulator = Emulator(time="skip")

    @emulator.tool("web_search")
    async def search(call: ToolCall) -> str:
        assert call.attempt > 1, "the first attempt"
        return "found"

    node = tool("find", "web_search", {"query": "x"}, enable_retry=True)
    emulator.script("other", ["x"])
    emulator.client().workflows.run(create(emulator.client(), node))  # the retry succeeds, and hides it
    with pytest.raises(AssertionError, match="the first attempt") as caught:
        emulator.check_unused()
    assert caught.traceback[-1].name == "search"
    assert "the script for 'other' was not used" in caught.value.__notes__[0]


USE = "from fibonacci import Fibonacci\nwith Fibonacci() as client:\n    workflow = client.workflows.list().first()\n"


@pytest.mark.parametrize(
    ("program", "code"),
    [(f"{USE}    client.workflows.run(workflow.id)", 0), (USE, 1), (f"{USE}    raise SystemExit(3)", 3)],
)
def test_a_command_that_passed_without_its_script_does_not_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], program: str, code: int
) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "news.json").write_text('{"nodes": [{"id": "sum", "type": "llm", "instruction": "x"}]}')
    (tmp_path / "scripts.json").write_text('{"sum": ["done"]}')
    options = ["--port", "0", "--seed", str(tmp_path / "flows"), "--script", str(tmp_path / "scripts.json")]
    assert main(["dev", *options, "--", sys.executable, "-c", program]) == code
    assert ("the script for 'sum' was not used: nothing of this name has run" in capsys.readouterr().err) == (code == 1)
