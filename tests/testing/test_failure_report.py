"""A test that fails shows what its emulator saw, without keys and secrets."""

from __future__ import annotations

from fibonacci.emulator import Emulator
from fibonacci.testing.emulator_fixtures import RunningEmulator
from tests.testing.conftest import RunPytest

FAILING = """
import pytest

from fibonacci import Fibonacci

NODES = [
    {"id": "sum", "type": "llm", "instruction": "Sum up {{input.topic}}", "modle": "small"},
    {"id": "tell", "type": "tool", "tool": "gmail.send", "params": {}},
]


def test_before(session_fibonacci_emulator):
    session_fibonacci_emulator.client().workflows.create(name="Not shown")


@pytest.mark.fibonacci(secrets={"MAIL": "pass word"})
def test_it(fibonacci_emulator, session_fibonacci_emulator):
    fibonacci_emulator.fail("GET /tools", status=503)
    with Fibonacci() as client:
        workflow = client.workflows.create(name="News", definition={"nodes": NODES})
        inputs = {"password": "hunter2", "api_key": fibonacci_emulator.api_key, "note": "a pass word", "max_tokens": 7}
        client.workflows.execute(workflow.id, inputs=inputs)
        client.tools.connect("gmail_send", params={"user": "ada", "phrase": "open sesame"})
        list(client.tools.list())
        client.request("GET", "/memory/pass%20word")


@pytest.fixture
def broken(fibonacci_client):
    fibonacci_client.workflows.get("wf-unknown")


def test_set_up(broken):
    pass


def test_nothing_sent(fibonacci_emulator):
    assert not fibonacci_emulator.requests.to("POST /workflows").count
    raise AssertionError


def test_passes(fibonacci_client):
    fibonacci_client.health.check()


def test_without(monkeypatch):
    raise AssertionError
"""


def test_what_a_failing_test_shows(run_pytest: RunPytest) -> None:
    result = run_pytest(FAILING, "--tb=short")
    result.assert_outcomes(passed=2, failed=3, errors=1)
    result.stdout.fnmatch_lines(
        [
            "fibonacci_emulator <Emulator http://127.0.0.1:*/v1>, requests in this test: 1",
            "  GET /v1/workflows/wf-unknown 404 not_found: There is no workflow 'wf-unknown'.",
            "fibonacci_emulator <Emulator http://127.0.0.1:*/v1>, requests in this test: 6",
            "  POST /v1/workflows 201",
            '    {"name": "News", "definition": {"nodes": [[]{"id": "sum", "type": "llm", *',
            "  POST /v1/workflows/wf-*/execute 200",
            '    {"inputs": {"password": "[*][*][*]", "api_key": "[*][*][*]", "note": "a [*][*][*]", "max_tokens": 7}}',
            "  POST /v1/tools/gmail_send/connect 200",
            '    {"user": "[*][*][*]", "phrase": "[*][*][*]"}',
            "  GET /v1/tools 503, injected failure status *",
            "  GET /v1/tools 200",
            "  GET /v1/memory/[*][*][*] 404 not_found: *",
            "  warning: workflows/wf-* nodes[[]0[]].modle: *(unknown_key)",
            "  failed node 'sum' of exec_* (wf-*): {{input.topic}} has no value: there is no 'topic'",
            "  failed node 'tell' of exec_* (wf-*): the tool gmail.send needs 'to' and 'subject' and 'body'",
            "fibonacci_emulator <Emulator http://127.0.0.1:*/v1>, requests in this test: 0",
        ]
    )
    shown = [line for line in result.stdout.str().split("- Fibonacci emulator -") if "requests in this test" in line]
    assert len(shown) == 4  # that of the session too, for the one test that uses it
    for secret in ("hunter2", "pass word", "pass%20word", "open sesame", "fib-emulator-", "Not shown"):
        assert not any(secret in text.partition("____")[0] for text in shown), secret


def test_long_texts_and_many_requests_are_cut() -> None:
    emulator = Emulator()
    running = RunningEmulator("fibonacci_emulator", emulator, ())
    client = emulator.client()
    for number in range(12):
        client.memory.set(f"key-{number}", "x" * 1000)
    text = running.describe()
    assert "requests in this test: 12\n  (2 earlier requests not shown)\n  PUT /v1/memory/key-2 200" in text
    assert "x... (1013 characters)" in text
    assert len(text) < 5_000
    running.begin_test()
    assert running.describe().endswith("requests in this test: 0")


def test_secrets_that_are_set_during_the_test_are_hidden() -> None:
    emulator = Emulator()
    running = RunningEmulator("fibonacci_emulator", emulator, ())
    for secret in ("first-s3cret", "second-s3cret"):  # the former value stays hidden
        emulator.secrets["TOKEN"] = secret
        emulator.client().memory.set(secret, f'"{secret}"')
    keys = [emulator.key("viewer"), emulator.key("member", name="ada")]
    emulator.client().memory.set("keys", ["x" * 270, *keys])  # where the text is cut
    emulator.client().memory.set(keys[0], 1)
    text = running.describe()
    assert "PUT /v1/memory/*** 200" in text
    assert not any(hidden in text for hidden in ("s3cret", "fib-viewer-", "fib-member-"))
