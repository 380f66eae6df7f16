"""`fibonacci doctor`: each line says what is, and each problem what to do about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from tests.cli.invocation import Invocation, invoke, use
from tests.faults.proxies import ELSEWHERE, elsewhere, tinyproxy
from tests.kit.assertions import check_each
from tests.kit.certificates import Authority
from tests.kit.keychain import write
from tests.kit.names import NameService
from tests.kit.server import ScriptedServer
from tests.kit.steps import error_body, respond

KEY = "sk-very-secret"
TOOLS = b'{"data": [], "meta": {}}'
NO_KEY = {"FIBONACCI_API_KEY": None}
PROFILE = '[profiles.work]\nbase_url = "https://staging.example/v1"\n'
IN_KEYCHAIN = {**NO_KEY, "FIBONACCI_BASE_URL": None, "FIBONACCI_PROFILE": "work", "file": f"{PROFILE}keychain = true\n"}
OLD = {"Date": "Mon, 01 Jan 2024 00:00:00 GMT"}

Problem = tuple[dict[str, Any], str, str, str]
PROBLEMS: list[Problem] = [
    ({"FIBONACCI_TIMEOUT": "abc"}, "settings", "FIBONACCI_TIMEOUT must be a number of seconds above 0", "fix the var"),
    ({"FIBONACCI_TIMEOUT": "0.000001"}, "platform", "GET /tools: no connection to 127.0.0.1", "FIBONACCI_TIMEOUT"),
    ({"FIBONACCI_MAX_RETRIES": "-3"}, "settings", "FIBONACCI_MAX_RETRIES must be 0 or more", "or unset it"),
    ({"FIBONACCI_TRANSPORT": "curl"}, "settings", 'must be "socket" or "httpx", not \'curl\'', "or unset it"),
    ({"FIBONACCI_RATE_LIMITER": f"redsi://:{KEY}@host"}, "settings", "or the URL of a Redis server", "or unset it"),
    ({**NO_KEY, "FIBONACCI_APIKEY": KEY}, "environment", "FIBONACCI_APIKEY is set", "did you mean FIBONACCI_API_KEY?"),
    ({"FIBONACI_TIMEOUT": "5"}, "environment", "FIBONACI_TIMEOUT is set, but", "did you mean FIBONACCI_TIMEOUT?"),
    ({"FIBONACCI_URL": "https://x"}, "environment", "FIBONACCI_URL is set, but", "did you mean FIBONACCI_BASE_URL?"),
    (NO_KEY, "API key", "none in FIBONACCI_API_KEY or in a profile", "run `fibonacci auth login`, or set"),
    ({"FIBONACCI_API_KEY": ""}, "API key", "FIBONACCI_API_KEY is blank", "run `fibonacci auth login`"),
    ({"FIBONACCI_API_KEY": f"{KEY} "}, "API key", "has the character ' ' at position 14", "FIBONACCI_API_KEY"),
    ({"FIBONACCI_BASE_URL": "a.example/v1"}, "base URL", "must be like https://api.example.com/v1", "fix it where"),
    ({"FIBONACCI_API_VERSION": "2"}, "base URL", 'must be "v1" (the documented API) or "0.2"', "fix it where"),
    ({"FIBONACCI_BASE_URL": "https://a.invalid", "HTTPS_PROXY": f"ftp://a:{KEY}@b"}, "proxy", "not an http", "HTTPS"),
    ({"file": "default = "}, "profile", "config.toml is not TOML", "fix the file in an editor"),
    ({"file": '[profiles.work]\napi_key = "x"\n'}, "profile", "must not contain an API key", "fix the file"),
    ({**IN_KEYCHAIN, "FIBONACCI_PROFILE": "wrok"}, "profile", "no profile 'wrok'", "one of `fibonacci profiles list`"),
    (IN_KEYCHAIN, "API key", "has none for the profile 'work' at https://staging.example", "run `fibonacci auth"),
    ({"FIBONACCI_BASE_URL": "http://127.0.0.1:9/v1"}, "platform", "Connection refused", "check the network"),
    ({"FIBONACCI_BASE_URL": "https://a.invalid/v1"}, "platform", "name cannot be resolved", "check the network"),
    ({"status": 401, "body": error_body("unauthorized")}, "API key", "the platform refuses the key", "create another"),
    ({"status": 500, "body": b"{}"}, "platform", "GET /tools: status 500", "If it is right, send the request id"),
    ({"body": b"<html>Sign in</html>"}, "platform", "status 200, the response is not", "check the base URL"),
    ({"status": 404, "body": b'{"detail": "No"}'}, "platform", 'set api_version="0.2" and the base URL', ""),
    ({"headers": OLD}, "clock", "s ahead of the server's", "set this machine's clock"),
]  # fmt: skip
"""What is in place (variables, a file of profiles, a response), the check that finds it, its finding, the remedy."""


def doctor(*arguments: str) -> tuple[Invocation, dict[str, Any]]:
    """Run it; return the run and its findings by name."""
    run = invoke("doctor", "--json", *arguments)
    assert run.err == ""
    assert KEY not in run.out
    data = run.data
    assert data["ok"] is (run.code == 0)
    assert [each for each in data["checks"] if (each["status"] == "problem") != bool(each["remedy"])] == []
    return run, {each["name"]: each for each in data["checks"]}


def test_each_problem_has_its_finding_and_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keychain: None, names: NameService
) -> None:
    write({})
    file = tmp_path / "config.toml"

    def check(row: Problem) -> None:
        made, name, detail, remedy = row
        with ScriptedServer() as server, monkeypatch.context() as environment:
            server.default = respond(made.get("status", 200), made.get("body", TOOLS), headers=made.get("headers", {}))
            variables = {"FIBONACCI_API_KEY": KEY, "FIBONACCI_BASE_URL": server.base_url, **made}
            for variable, value in variables.items():
                if variable.isupper() and value is not None:
                    environment.setenv(variable, value)
            file.write_text(made.get("file", ""))
            file.chmod(0o600)
            run, _ = doctor()
        problems = [each for each in run.data["checks"] if each["status"] == "problem"]
        assert run.code == (4 if "API key" in [each["name"] for each in problems] else 1)
        first = problems[0]
        assert first["name"] == name, first
        assert detail in first["detail"]
        assert remedy in first["remedy"]

    check_each(PROBLEMS, check)


def test_all_is_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Emulator(plan="free") as emulator:
        use(monkeypatch, emulator, tmp_path)
        base_url = emulator.base_url
        run, found = doctor()
    assert run.code == 0
    details = {name: each["detail"] for name, each in found.items()}
    assert {*details} > {"versions", "environment"}
    assert "FIBONACCI_API_KEY, FIBONACCI_BASE_URL" in details["environment"]
    assert emulator.api_key not in run.out
    assert details["settings"] == "a timeout of 60 s, 2 retries, transport socket, rate limiter process"
    assert details["profile"] == f"none (no file {tmp_path}/config.toml)"
    assert details["base URL"] == f"{base_url} (FIBONACCI_BASE_URL), API v1"
    assert details["API key"] == f"from FIBONACCI_API_KEY, {len(emulator.api_key)} characters"
    assert details["proxy"] == "none"
    names = ", ".join(rf"{phase} \d+" for phase in ("connect", "send", "wait"))
    assert re.fullmatch(rf"GET /tools responds in \d+ ms \({names}\), and the key is valid", details["platform"])
    assert details["clock"].endswith("of the server's")
    assert details["rate limit"].startswith("59 of 60 requests left until ")


def test_a_key_of_the_keychain(tmp_path: Path, keychain: None) -> None:
    file = tmp_path / "config.toml"
    with Emulator() as emulator:
        file.write_text(f'[profiles.work]\nbase_url = "{emulator.base_url}"\nkeychain = true\n')
        file.chmod(0o600)
        write({f"fibonacci {emulator.base_url.removesuffix('/v1')}/work": emulator.api_key})
        run, found = doctor("--profile", "work")
        file.chmod(0o604)
        readable, other = doctor("--profile", "work")
    assert run.code == 0
    assert found["profile"]["detail"] == f"'work' (in {file})"
    assert found["API key"]["detail"].startswith("from the keychain, ")
    assert readable.code == 1
    assert other["profile"]["remedy"] == f"run `chmod 600 {file}`"


class TestNetwork:
    @pytest.fixture(autouse=True)
    def key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_API_KEY", KEY)

    @pytest.mark.parametrize("kind", ["good", "expired", "unknown"])
    def test_a_certificate(self, monkeypatch: pytest.MonkeyPatch, authority: Authority, kind: str) -> None:
        monkeypatch.delenv("SSL_CERT_DIR", raising=False)
        if kind != "unknown":
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        side = authority.expired() if kind == "expired" else authority.good()
        with ScriptedServer(respond(body=TOOLS), tls=side) as server:
            monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
            run, found = doctor()
        detail = found["platform"]["detail"]
        if kind == "good":
            assert (run.code, ", tls " in detail) == (0, True)
        else:
            assert run.code == 1
            assert "certificate verify failed" in detail
            assert "pass ca_bundle=... or set SSL_CERT_FILE." in detail

    def test_behind_a_proxy(self, monkeypatch: pytest.MonkeyPatch, authority: Authority, tmp_path: Path) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        with ScriptedServer(respond(body=TOOLS), tls=authority.good()) as server, tinyproxy(tmp_path) as port:
            monkeypatch.setenv("FIBONACCI_BASE_URL", elsewhere(server))
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
            run, found = doctor()
        assert run.code == 0
        assert found["proxy"]["detail"] == f"http://127.0.0.1:{port}"
        assert ", proxy " in found["platform"]["detail"]

    def test_a_proxy_that_refuses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_BASE_URL", f"https://{ELSEWHERE}:1/v1")
        with ScriptedServer(respond(407, b"")) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.origin.replace("http://", "http://ada:pass-word@"))
            run, found = doctor()
        assert run.code == 1
        assert "The proxy needs a user and password, as in HTTPS_PROXY=" in found["platform"]["detail"]
        assert "pass-word" not in run.out

    def test_a_key_that_may_list_no_tools(self, monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> None:
        monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
        server.add_response({"error": {"code": "forbidden", "message": "No"}}, 403)
        run, found = doctor()
        assert run.code == 0
        assert found["platform"]["detail"] == "the key is valid, but may not list tools"
