"""The contract suite: the emulator passes every check. `tests.tools.mutants` shows which faults it detects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.serving.in_process import InProcessTransport
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse
from tests.contract.suite.check import Checks, Result, run, table
from tests.contract.suite.checks import ALL
from tests.contract.suite.cli import main
from tests.contract.suite.server import Server, Skipped
from tests.kit.assertions import each_row
from tests.tools.mutants.serving import server_of


@pytest.fixture
def server() -> Server:
    return server_of(Emulator())


def test_a_disagreement_is_printed_with_its_exchange_and_without_the_key(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    body: dict[str, Any] = {"status": "healthy", "checks": {}, "backend": 7, "key": emulator.api_key}
    emulator.fail("GET /health/secrets", times=None, status=200, body=body)
    assert main(["--base-url", emulator.base_url, "--api-key", emulator.api_key, "--read-only"]) == 1
    printed = capsys.readouterr().out
    row = next(line for line in printed.splitlines() if "DISAGREES: backend" in line)
    assert row.split("  ")[0] == "GET /health/secrets"
    assert row.endswith("documented  DISAGREES: backend is 7, not of the type str")
    details = printed[printed.index("health.secrets: GET /health/secrets: ") :]
    shown = [f"  > GET {emulator.base_url}/health/secrets", "  < 200", '"key":"***"', "  < x-ratelimit-limit: 1000000"]
    assert [text for text in shown if text not in details] == []
    assert emulator.api_key not in printed
    assert "3 disagree (2 documented, 1 choices), 1 skipped\n" in printed


def test_the_command_runs_the_named_checks_with_the_values_of_the_seed(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
    sent = list[list[str]]()
    for seed in ("7", "7", "8"):
        emulator.requests.clear()
        options = ["--base-url", emulator.base_url, "--seed", seed]
        assert main([*options, "--only", "lives.memory_values", "--only", "health"]) == 0
        printed = capsys.readouterr().out
        end = rf"([1-9]\d*) checks: \1 agree, 0 disagree, 0 skipped\ngenerated values: --seed {seed}\n"
        assert re.search(rf"\n{end}\Z", printed)
        sent.append([str(request.path) for request in emulator.requests])
    assert sent[0] == sent[1] != sent[2]


def test_without_keys_of_other_roles_the_checks_of_roles_are_skipped() -> None:
    checks = [check for check in ALL if check.name.startswith("roles.")]
    emulator = Emulator()
    transport = InProcessTransport(app_of(emulator))
    server = Server("http://127.0.0.1/v1", emulator.api_key, organization_id="default", transport=transport)
    results = list(run(checks, server))
    assert {result.outcome for result in results} == {"skipped"}
    assert results[0].why == "no key for the role member: pass --role-key member=KEY"


def test_every_check_agrees_on_the_smallest_plan_and_every_change_is_reverted() -> None:
    server, results = server_of(Emulator(plan="free")), list[Result]()
    for number, check in enumerate(ALL):
        results += run([check], server)
        if number % 20 == 19:  # a day has 1,000 requests, and an hour 60 runs
            server.sleep(86_400)
    assert [(result.check.name, result.why) for result in results if result.outcome != "agrees"] == []
    assert table(results).endswith(f"{len(ALL)} checks: {len(ALL)} agree, 0 disagree, 0 skipped")
    client, organizations = server.client, server.client.organizations
    assert client.workflows.list().first() is None
    assert client.registry.list(include_archived=True).first() is None
    assert organizations.tool_policies.list("default").first() is None
    assert organizations.quota.get("default").overrides == {}
    assert organizations.governance.get("default").approval_threshold == 1


def test_read_only_changes_nothing() -> None:
    emulator = Emulator()
    results = list(run(ALL, server_of(emulator), read_only=True))
    assert {result.outcome for result in results} == {"agrees"}
    assert 20 < len(results) < len(ALL)
    assert {request.method for request in emulator.requests} == {"GET"}


class WithoutOptionalHeaders(InProcessTransport):
    """Reaches a server that neither reads nor sends the headers that a server need not have."""

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        response = super().send(replace(request, headers=self._left(request.headers)), deadline)
        return replace(response, headers=self._left(response.headers))

    def _left(self, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        without = (b"idempotency-key", b"retry-after", b"x-request-id")
        return [header for header in headers if header[0].lower() not in without]


def test_what_a_server_need_not_have_is_reported_and_is_no_fault() -> None:
    emulator = Emulator()
    server = server_of(emulator, WithoutOptionalHeaders(app_of(emulator)))
    names = ("basics.idempotency_key", "quota.runs_an_hour", "basics.request_id_without_meta")
    outcomes = {
        result.check.name: result.outcome for result in run([each for each in ALL if each.name in names], server)
    }
    assert outcomes == dict.fromkeys(names, "not honored")


def test_a_second_run_skips_what_cannot_be_reverted(server: Server) -> None:
    overrides = [check for check in ALL if check.name == "tool_policies.override"]
    assert [result.outcome for _ in range(2) for result in run(overrides, server)] == ["agrees", "skipped"]


def test_an_error_in_a_check_is_a_result(server: Server) -> None:
    checks = Checks("some")

    @checks.documented("GET /a", "Crash")
    def crashes(server: Server) -> None:
        raise KeyError("data")

    @checks.choice("GET /b", "Skip")
    def skips(server: Server) -> None:
        raise Skipped("not applicable")

    results = list(run(checks, server))
    assert [(result.outcome, result.why) for result in results] == [
        ("disagrees", "KeyError: 'data'"),
        ("skipped", "not applicable"),
    ]
    assert table([*results, Result(checks[0], "agrees")]).splitlines()[1:] == [
        "GET /a    Crash     documented  DISAGREES: KeyError: 'data'",
        "GET /b    Skip      choice      skipped: not applicable",
        "GET /a    Crash     documented  agrees",
        "",
        "some.crashes: GET /a: Crash (documented)",
        "  KeyError: 'data'",
        "",
        "3 checks: 1 agree, 1 disagree (1 documented, 0 choices), 1 skipped",
    ]


@each_row(
    ("arguments", "reason"),
    [
        (["--base-url", "http://127.0.0.1:1/v1"], "no API key: pass --api-key, or set FIBONACCI_API_KEY"),
        (["--base-url", "http://platform.example/v1", "--api-key", "k"], "allow_insecure"),
        ([], "--base-url"),
        (["--base-url", "http://127.0.0.1:1/v1", "--role-key", "viewer=k"], "the role is admin or member"),
        (["--base-url", "http://127.0.0.1:1/v1", "--role-key", "member"], "write ROLE=KEY"),
        (["--base-url", "http://127.0.0.1:1/v1", "--api-key", "k", "--only", "memry"], "no check begins with 'memry'"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert reason in capsys.readouterr().err


def test_an_unreachable_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--base-url", "http://127.0.0.1:1/v1", "--api-key", "k"]) == 1
    assert "no response from http://127.0.0.1:1/v1" in capsys.readouterr().err
