"""Text that a server, a model or another user has written is safe to show, and is kept as it was in attributes."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable

import pytest

from fibonacci import (
    APIConnectionError,
    APIStatusError,
    DefinitionError,
    ExecutionFailedError,
    Fibonacci,
    FibonacciError,
)
from fibonacci._display.html import error_html
from fibonacci._texts.text import printable, printable_line, visible
from fibonacci.definitions import loads
from fibonacci.emulator import Emulator
from tests.kit.assertions import each_row
from tests.kit.clock import FakeClock
from tests.kit.server import ScriptedServer
from tests.kit.steps import head, raw, respond

FORGED = "2026-11-28 CRITICAL root: forged"
#: A title of the terminal, a line of a log, an override of direction, a sequence of C1, a line of U+2028.
HOSTILE = f"\x1b]0;owned\x07\r\n{FORGED}\u202e\x9b2J\u2028{FORGED}"


def run(client: Fibonacci) -> object:
    return client.workflows.run("wf-1", timeout=5)


def tool(client: Fibonacci) -> object:
    return client.tools.get("calculator")


def in_envelope(server: ScriptedServer) -> None:
    error = {"code": HOSTILE, "message": HOSTILE, "details": [{"field": HOSTILE, "message": HOSTILE}, HOSTILE]}
    server.add_response({"error": error}, 400, {"X-Request-Id": "req\x9b2J"})


def as_a_page(server: ScriptedServer) -> None:
    server.add_response(HOSTILE, 404, {"Content-Type": "text/html"})


def as_a_success(server: ScriptedServer) -> None:
    server.add_response(HOSTILE, 200, {"Content-Type": "text/html\x9b2J"})


def as_a_wrong_type(server: ScriptedServer) -> None:
    server.add_response({"data": {HOSTILE: [HOSTILE], "name": {HOSTILE: HOSTILE}}})


def as_a_redirect(server: ScriptedServer) -> None:
    server.add_response("", 302, {"Location": "https://evil.example/\x9b2J\x85"})


def of_a_node(server: ScriptedServer) -> None:
    server.add_response({"data": {"execution_id": HOSTILE, "status": "running"}})
    failure = {"message": HOSTILE, "node_id": HOSTILE}
    server.add_response({"data": {"execution_id": HOSTILE, "status": "failed", "error": failure}})


def of_a_status(server: ScriptedServer) -> None:
    server.add_response({"data": {"execution_id": HOSTILE, "status": "running"}})
    server.default = respond(
        200, b'{"data": {"execution_id": "\\u001b[2J", "status": "\\u001b[2Jrunning\\n' + FORGED.encode() + b'"}}'
    )


@each_row(
    ("answer", "call"),
    [
        *((answer, tool) for answer in (in_envelope, as_a_page, as_a_success, as_a_wrong_type, as_a_redirect)),
        *((answer, run) for answer in (in_envelope, of_a_node, of_a_status)),
    ],
)
def test_an_error_and_its_records_are_safe_to_show(
    answer: Callable[[ScriptedServer], None],
    call: Callable[[Fibonacci], object],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.clear()
    caplog.set_level(logging.DEBUG, "fibonacci")
    own = logging.Formatter("%(request_id)s %(execution_id)s %(message)s")
    monkeypatch.setattr(caplog.handler, "formatter", own)  # one handler is in use for all tests
    with ScriptedServer() as server:
        answer(server)
        client = Fibonacci("some-key", base_url=server.base_url, max_retries=0, clock=FakeClock())
        with client, pytest.raises(FibonacciError) as caught:
            call(client)
    error = caught.value
    shown = "".join(traceback.format_exception(error))
    page = error_html(error)
    assert printable(page) == page
    for text in (str(error), shown, repr(error), str(pickle.loads(pickle.dumps(error)))):
        assert printable(text) == text
        assert not [line for line in text.splitlines() if line.startswith(FORGED)]
    assert printable_line(str(error)) == str(error)
    lines = caplog.text.splitlines()
    assert lines
    assert len(lines) == len(caplog.records)
    assert all(printable_line(line) == line for line in lines)
    if isinstance(error, ExecutionFailedError):
        assert error.reason == HOSTILE
    elif isinstance(error, APIStatusError) and error.code:
        assert (error.code, error.message, error.details[1]) == (HOSTILE, HOSTILE, HOSTILE)


def test_what_a_proxy_and_a_row_say_is_safe_to_show(monkeypatch: pytest.MonkeyPatch, emulator: Emulator) -> None:
    with ScriptedServer(raw(head("403 No\x9b2J\x85", length=0))) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        with pytest.raises(APIConnectionError, match="No") as of_proxy:
            Fibonacci("some-key", base_url="https://api.example/v1", max_retries=0).tools.get("calculator")
    client = emulator.client()
    node = {"id": "a", "type": "llm", "instruction": "{{input.name}}"}
    workflow = client.workflows.create(name="x", definition={"nodes": [node]})
    with pytest.raises(ValueError, match="JSON cannot represent") as of_inputs:
        client.workflows.run(workflow.id, inputs={HOSTILE: float("nan")})
    with pytest.raises(ValueError, match="no row is started") as of_row:
        client.workflows.run_many(workflow.id, [{HOSTILE: 1}]).results()
    for caught in (of_proxy, of_inputs, of_row):
        shown = "".join(traceback.format_exception(caught.value))
        assert printable(shown) == shown
        assert not [line for line in shown.splitlines() if line.startswith(FORGED)]


def test_our_own_lines_stay_lines() -> None:
    with pytest.raises(DefinitionError) as caught:
        loads('{"nodes": [\n  {"id": "a\\u001b[2J\\nb", "type": "llm"}]}', name="greeter.json")
    lines = str(caught.value).splitlines()
    assert len(lines) > 2
    assert all(printable_line(line) == line for line in lines)


@each_row(
    ("text", "several", "one"),
    [
        ("plain \u00e9\u4e2d\U0001f469\u200d\U0001f4bb \u00a0", None, None),
        ("a\tb\nc", "a\tb\nc", "a\\tb\\nc"),
        ("\r\x1b\x7f\x85", "\\r\\x1b\\x7f\\x85", None),
        ("\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ud800", None, None),
    ],
)
def test_what_is_escaped(text: str, several: str | None, one: str | None) -> None:
    escaped = text if text.startswith("plain") else text.encode("unicode_escape").decode()
    assert printable(text) == printable(printable(text)) == (several or escaped)
    assert printable_line(text) == (one or escaped if several is None or one else several)
    assert visible(text).isprintable()
