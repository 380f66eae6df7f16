"""`fibonacci doctor`: each line says what is, and each problem what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from tests.cli.invocation import Invocation, invoke, use
from tests.faults.proxies import ELSEWHERE, elsewhere, tinyproxy
from tests.kit.certificates import Authority
from tests.kit.keychain import write
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import respond

KEY = "sk-very-secret"
TOOLS = b'{"data": [], "meta": {}}'


def doctor(*arguments: str) -> tuple[Invocation, dict[str, Any]]:
    """Run it; return the run, and the finding of each name, of which the last counts."""
    run = invoke("doctor", "--json", *arguments)
    assert run.err == ""
    assert KEY not in run.out
    data = run.data
    assert data["ok"] is (run.code == 0)
    assert [each for each in data["checks"] if (each["status"] == "problem") != bool(each["remedy"])] == []
    return run, {each["name"]: each for each in data["checks"]}


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set a key, and return what sets the address."""
    monkeypatch.setenv("FIBONACCI_API_KEY", KEY)
    return monkeypatch


def test_what_a_person_reads_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FIBONACCI_BASE_URL", "not an address")
    lines = invoke("doctor", on_terminal=True).out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith(f"{' ' * 22}-> ") for line in lines)


def test_all_is_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Emulator(plan="free") as emulator:
        use(monkeypatch, emulator, tmp_path)
        base_url = emulator.base_url
        run, found = doctor()
    assert run.code == 0
    assert list(found) == [
        *(
            "versions",
            "environment",
            "settings",
            "profile",
            "base URL",
            "API key",
            "proxy",
        ),
        *("platform", "clock", "rate limit"),
    ]
    details = {name: each["detail"] for name, each in found.items()}
    assert "FIBONACCI_API_KEY, FIBONACCI_BASE_URL" in details["environment"]
    assert emulator.api_key not in run.out
    assert details["settings"] == "a timeout of 60 s, 2 retries, transport socket, rate limiter process"
    assert details["profile"] == f"none (no file {tmp_path}/config.toml)"
    assert details["base URL"] == f"{base_url} (FIBONACCI_BASE_URL), API v1"
    assert details["API key"] == f"from FIBONACCI_API_KEY, {len(emulator.api_key)} characters"
    assert details["proxy"] == "none"
    names = ", ".join(rf"{phase} \d+" for phase in ("connect", "send", "wait"))
    assert re.fullmatch(rf"GET /tools responds in \d+ ms \({names}\), and the key is valid", details["platform"])
    assert details["rate limit"].startswith("59 of 60 requests left until ")


def test_lines_for_people(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Emulator() as emulator:
        use(monkeypatch, emulator, tmp_path)
        monkeypatch.setenv("FIBONACCI_API_KEY", KEY)
        base_url = emulator.base_url
        run = invoke("doctor")
    assert (run.code, run.err) == (4, "")
    lines = run.out.splitlines()
    assert lines[4] == f"ok       base URL     {base_url} (FIBONACCI_BASE_URL), API v1"
    assert [line[:22] for line in lines if line.startswith("problem")] == ["problem  API key      "]
    place = next(number for number, line in enumerate(lines) if line.startswith("problem"))
    assert "the platform refuses the key: GET /tools: status 401" in lines[place]
    assert lines[place + 1].strip().startswith("-> create another key on the platform, then run `fibonacci auth login`")
    assert KEY not in run.out


@pytest.mark.usefixtures("keychain")
class TestKey:
    def test_none_but_that_of_0_2_4(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_BASE_URL", "http://127.0.0.1:9/v1")
        write({"fibonacci-sdk/api_key": KEY})
        run, found = doctor()
        assert run.code == 4
        assert "run `fibonacci auth login` to move it here" in found["API key"]["remedy"]

    def test_of_the_wrong_form(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_BASE_URL", "http://127.0.0.1:9/v1")
        monkeypatch.setenv("FIBONACCI_API_KEY", f"{KEY} ")
        run, found = doctor()
        assert run.code == 4
        assert "has the character ' ' at position 14" in found["API key"]["detail"]

    def test_of_the_keychain(self, tmp_path: Path) -> None:
        with Emulator() as emulator:
            origin = emulator.base_url.removesuffix("/v1")
            (tmp_path / "config.toml").write_text(
                f'[profiles.work]\nbase_url = "{emulator.base_url}"\nkeychain = true\n'
            )
            (tmp_path / "config.toml").chmod(0o600)
            write({f"fibonacci {origin}/work": emulator.api_key})
            run, found = doctor("--profile", "work")
            (tmp_path / "config.toml").chmod(0o604)
            readable, other = doctor("--profile", "work")
        assert run.code == 0
        assert found["profile"]["detail"] == f"'work' (in {tmp_path}/config.toml)"
        assert found["API key"]["detail"].startswith("from the keychain, ")
        assert readable.code == 1
        assert other["profile"]["remedy"] == f"run `chmod 600 {tmp_path}/config.toml`"


class TestConfiguration:
    @pytest.mark.usefixtures("keychain")
    def test_the_network_is_checked_beside_a_bad_file(self, platform: pytest.MonkeyPatch, tmp_path: Path) -> None:
        platform.setenv("FIBONACCI_BASE_URL", "http://127.0.0.1:9/v1")
        (tmp_path / "config.toml").write_text("default = ")
        run, found = doctor()
        assert (run.code, list(found)[-1]) == (1, "platform")
        assert "is not TOML" in found["profile"]["detail"]
        assert "no connection to 127.0.0.1:9" in found["platform"]["detail"]


class TestNetwork:
    def test_a_certificate_that_is_trusted(self, platform: pytest.MonkeyPatch, authority: Authority) -> None:
        platform.setenv("SSL_CERT_FILE", str(authority.file))
        platform.delenv("SSL_CERT_DIR", raising=False)
        with ScriptedServer(respond(body=TOOLS), tls=authority.good()) as server:
            platform.setenv("FIBONACCI_BASE_URL", server.base_url)
            run, found = doctor()
        assert run.code == 0
        assert ", tls " in found["platform"]["detail"]

    @pytest.mark.parametrize("kind", ["expired", "for_another_host", "unknown"])
    def test_a_certificate_that_is_not(self, platform: pytest.MonkeyPatch, authority: Authority, kind: str) -> None:
        if kind != "unknown":
            platform.setenv("SSL_CERT_FILE", str(authority.file))
        side = authority.good() if kind == "unknown" else getattr(authority, kind)()
        with ScriptedServer(respond(body=TOOLS), tls=side) as server:
            platform.setenv("FIBONACCI_BASE_URL", server.base_url)
            run, found = doctor()
        assert (run.code, list(found)[-1]) == (1, "platform")
        assert "certificate verify failed" in found["platform"]["detail"]
        assert "certificate, set SSL_CERT_FILE to its file." in found["platform"]["detail"]
        assert server.requests == []

    def test_behind_a_proxy(self, platform: pytest.MonkeyPatch, authority: Authority, tmp_path: Path) -> None:
        platform.setenv("SSL_CERT_FILE", str(authority.file))
        with ScriptedServer(respond(body=TOOLS), tls=authority.good()) as server, tinyproxy(tmp_path) as port:
            platform.setenv("FIBONACCI_BASE_URL", elsewhere(server))
            platform.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
            run, found = doctor()
        assert run.code == 0
        assert found["proxy"]["detail"] == f"http://127.0.0.1:{port}"
        assert ", proxy " in found["platform"]["detail"]

    def test_a_proxy_that_refuses(self, platform: pytest.MonkeyPatch) -> None:
        platform.setenv("FIBONACCI_BASE_URL", f"https://{ELSEWHERE}:1/v1")
        with ScriptedServer(respond(407, b"")) as proxy:
            platform.setenv("HTTPS_PROXY", proxy.origin.replace("http://", "http://ada:pass-word@"))
            run, found = doctor()
        assert run.code == 1
        assert "The proxy needs a user and password, as in HTTPS_PROXY=" in found["platform"]["detail"]
        assert "pass-word" not in run.out

    def test_what_is_no_proxy(self, platform: pytest.MonkeyPatch) -> None:
        platform.setenv("FIBONACCI_BASE_URL", "https://platform.example/v1")
        platform.setenv("HTTPS_PROXY", "ftp://ada:pass-word@proxy.example")
        run, found = doctor()
        assert run.code == 1
        assert "HTTPS_PROXY" in found["proxy"]["remedy"]
        assert "pass-word" not in run.out


class TestPlatform:
    @pytest.fixture
    def server(self, platform: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
        with ScriptedServer() as running:
            platform.setenv("FIBONACCI_BASE_URL", running.base_url)
            yield running

    @pytest.mark.parametrize(
        ("seconds", "code", "detail"),
        [
            (-3600, 1, "3600 s ahead of the server's"),
            (3600, 1, "3600 s behind the server's"),
            (-20, 0, "20 s ahead of the server's"),
            (0, 0, "within a second of the server's"),
        ],
    )
    def test_the_clock(self, server: ScriptedServer, seconds: float, code: int, detail: str) -> None:
        def step(peer: Peer) -> None:
            respond(body=TOOLS, headers={"Date": formatdate(time() + seconds)})(peer)

        server.default = step
        run, found = doctor()
        assert run.code == code
        number = detail.partition(" ")[0]
        near = [detail] if not seconds else [detail.replace(number, str(int(number) + off)) for off in (-1, 0, 1)]
        assert found["clock"]["detail"] in near
        if code:
            assert "set this machine's clock" in found["clock"]["remedy"]

    def test_a_key_that_may_list_no_tools(self, server: ScriptedServer) -> None:
        server.add_response({"error": {"code": "forbidden", "message": "No"}}, 403)
        run, found = doctor()
        assert run.code == 0
        assert found["platform"]["detail"] == "the key is valid, but may not list tools"


def test_a_server_of_the_other_api(platform: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as server:
        server.default = respond(404, b'{"detail": "Not Found"}')
        platform.setenv("FIBONACCI_BASE_URL", server.base_url)
        run, found = doctor()
    assert run.code == 1
    assert "set FIBONACCI_API_VERSION=0.2 and FIBONACCI_BASE_URL to its root" in found["platform"]["detail"]


@pytest.mark.usefixtures("keychain")
def test_login_and_status_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    hint = (
        "If that's your server's API, set FIBONACCI_API_VERSION=0.2 and FIBONACCI_BASE_URL to its root, or api_version"
    )
    monkeypatch.setenv("FIBONACCI_API_KEY", KEY)
    with ScriptedServer() as server:
        server.default = respond(404, b'{"detail": "Not Found"}')
        monkeypatch.setenv("FIBONACCI_BASE_URL", server.base_url)
        for command in (["auth", "status"], ["auth", "login"], ["workflows", "list"]):
            run = invoke(*command, stdin=KEY)
            assert run.code == 1
            assert hint in run.err
