"""`fibonacci doctor` in broken situations: each has its finding, and its remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.invocation import invoke
from tests.kit.assertions import check_rows
from tests.kit.keychain import write
from tests.kit.names import NameService
from tests.kit.server import ScriptedServer
from tests.kit.steps import error_body, respond

KEY = "sk-very-secret"
OLD = "Mon, 01 Jan 2024 00:00:00 GMT"
PROFILE = '[profiles.{name}]\nbase_url = "{origin}/v1"\n'


class BrokenSituation(NamedTuple):
    """What is broken, and what `doctor` says of it.

    Attributes:
        check: The name of the check that finds it.
        detail: A part of what it says.
        remedy: A part of what to do about it.
        variables: The environment, besides a key and the address of a server that is well; None unsets a variable.
        file: The text of the file of profiles; empty for none.
        status: What the server responds.
        body: The body of the response.
        headers: The headers of the response.
        code: The exit code.
    """

    check: str
    detail: str
    remedy: str
    variables: Mapping[str, str | None] = {}
    file: str = ""
    status: int = 200
    body: bytes = b'{"data": [], "meta": {}}'
    headers: Mapping[str, str] = {}
    code: int = 1


NO_KEY: Mapping[str, str | None] = {"FIBONACCI_API_KEY": None}
NO_ADDRESS: Mapping[str, str | None] = {"FIBONACCI_BASE_URL": None}

ENVIRONMENT: dict[str, BrokenSituation] = {
    "a timeout that is no number": BrokenSituation(
        "settings",
        "FIBONACCI_TIMEOUT must be a number of seconds above 0, or none, not 'abc'",
        "fix the variable, or unset it",
        {"FIBONACCI_TIMEOUT": "abc"},
    ),
    "a timeout that no call can keep": BrokenSituation(
        "platform",
        "GET /tools: no connection to 127.0.0.1",
        "FIBONACCI_TIMEOUT",
        {"FIBONACCI_TIMEOUT": "0.000001"},
    ),
    "negative retries": BrokenSituation(
        "settings",
        "FIBONACCI_MAX_RETRIES must be 0 or more, not -3 (0 means no retries)",
        "fix the variable, or unset it",
        {"FIBONACCI_MAX_RETRIES": "-3"},
    ),
    "an unknown transport": BrokenSituation(
        "settings",
        'FIBONACCI_TRANSPORT must be "socket" or "httpx", not \'curl\'',
        "fix the variable, or unset it",
        {"FIBONACCI_TRANSPORT": "curl"},
    ),
    "a rate limiter that is none": BrokenSituation(
        "settings",
        'FIBONACCI_RATE_LIMITER must be "process", "machine", "off" or the URL of a Redis server',
        "fix the variable, or unset it",
        {"FIBONACCI_RATE_LIMITER": "redsi://:sk-very-secret@host"},
    ),
    "a misspelled key": BrokenSituation(
        "environment",
        "FIBONACCI_APIKEY is set, but nothing reads it",
        "did you mean FIBONACCI_API_KEY?",
        {**NO_KEY, "FIBONACCI_APIKEY": KEY},
        code=4,
    ),
    "a misspelled prefix": BrokenSituation(
        "environment",
        "FIBONACI_TIMEOUT is set, but nothing reads it",
        "did you mean FIBONACCI_TIMEOUT?",
        {"FIBONACI_TIMEOUT": "5"},
    ),
    "another word for the address": BrokenSituation(
        "environment",
        "FIBONACCI_URL is set, but nothing reads it",
        "did you mean FIBONACCI_BASE_URL?",
        {"FIBONACCI_URL": "https://staging.example/v1"},
    ),
    "no key": BrokenSituation(
        "API key", "none in FIBONACCI_API_KEY or in a profile", "run `fibonacci auth login`, or set", NO_KEY, code=4
    ),
    "an empty key": BrokenSituation(
        "API key", "FIBONACCI_API_KEY is blank", "run `fibonacci auth login`", {"FIBONACCI_API_KEY": ""}, code=4
    ),
    "an address without a scheme": BrokenSituation(
        "base URL",
        "FIBONACCI_BASE_URL must be like https://api.example.com/v1, not 'platform.example/v1'",
        "fix it where you set it",
        {"FIBONACCI_BASE_URL": "platform.example/v1"},
    ),
    "an unknown API": BrokenSituation(
        "base URL",
        'FIBONACCI_API_VERSION must be "v1" (the documented API) or "0.2"',
        "fix it where you set it",
        {"FIBONACCI_API_VERSION": "2"},
    ),
}
FILES: dict[str, BrokenSituation] = {
    "a file that is no TOML": BrokenSituation(
        "profile", "config.toml is not TOML", "fix the file in an editor", file="default = "
    ),
    "a file with a key in it": BrokenSituation(
        "profile",
        "must not contain an API key",
        "fix the file in an editor",
        file='[profiles.work]\napi_key = "x"\n',
    ),
    "a profile that is not there": BrokenSituation(
        "profile",
        "there is no profile 'wrok'",
        "choose one of `fibonacci profiles list`",
        {**NO_KEY, "FIBONACCI_PROFILE": "wrok"},
        PROFILE.format(name="work", origin="https://staging.example"),
    ),
    "a profile whose key is not in the keychain": BrokenSituation(
        "API key",
        "has none for the profile 'work' at https://staging.example",
        "run `fibonacci auth login`, or set FIBONACCI_API_KEY",
        {**NO_KEY, **NO_ADDRESS, "FIBONACCI_PROFILE": "work"},
        PROFILE.format(name="work", origin="https://staging.example") + "keychain = true\n",
        code=4,
    ),
}
NETWORK: dict[str, BrokenSituation] = {
    "nothing listens": BrokenSituation(
        "platform",
        "no connection to 127.0.0.1:9: Connection refused",
        "check the network",
        {"FIBONACCI_BASE_URL": "http://127.0.0.1:9/v1"},
    ),
    "a name that nobody knows": BrokenSituation(
        "platform",
        "platform.invalid:443, whose name cannot be resolved",
        "check the network",
        {"FIBONACCI_BASE_URL": "https://platform.invalid/v1"},
    ),
    "a key that the platform refuses": BrokenSituation(
        "API key",
        "the platform refuses the key: GET /tools: status 401",
        "create another key on the platform",
        status=401,
        body=error_body("unauthorized"),
        code=4,
    ),
    "a platform that fails": BrokenSituation(
        "platform",
        "GET /tools: status 500",
        "check the base URL. If it is right, send the request id",
        status=500,
        body=b"{}",
    ),
    "a login page in between": BrokenSituation(
        "platform", "GET /tools: status 200, the response is not", "check the base URL", body=b"<html>Sign in</html>"
    ),
    "a clock that is wrong": BrokenSituation(
        "clock", "s ahead of the server's", "set this machine's clock", headers={"Date": OLD}
    ),
}


@pytest.fixture
def doctor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keychain: None, names: NameService
) -> Callable[[BrokenSituation], list[Mapping[str, str]]]:
    """Return what puts a situation in place, and returns the problems that `doctor` finds in it."""
    write({})
    file = tmp_path / "config.toml"

    def problems(row: BrokenSituation) -> list[Mapping[str, str]]:
        with ScriptedServer() as server, monkeypatch.context() as environment:
            server.default = respond(row.status, row.body, headers=row.headers)
            variables = {"FIBONACCI_API_KEY": KEY, "FIBONACCI_BASE_URL": server.base_url, **row.variables}
            for name, value in variables.items():
                if value is not None:
                    environment.setenv(name, value)
            file.unlink(missing_ok=True)
            if row.file:
                file.write_text(row.file)
                file.chmod(0o600)
            run = invoke("doctor", "--json")
        assert (run.code, run.err) == (row.code, "")
        assert KEY not in run.out
        return [check for check in run.data["checks"] if check["status"] == "problem"]

    return problems


def test_each_has_its_finding_and_its_remedy(doctor: Callable[[BrokenSituation], list[Mapping[str, str]]]) -> None:
    def check(row: BrokenSituation) -> None:
        first = doctor(row)[0]
        assert first["name"] == row.check
        assert row.detail in first["detail"]
        assert row.remedy in first["remedy"]

    check_rows({**ENVIRONMENT, **FILES, **NETWORK}.items(), check)
