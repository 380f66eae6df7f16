"""`fibonacci doctor`: each line says what is, and each problem what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from tests.cli.invocation import Invocation, environment, invoke, spawn, use
from tests.faults.proxies import ELSEWHERE, elsewhere, tinyproxy
from tests.kit.certificates import Authority
from tests.kit.keychain import write
from tests.kit.names import NameService
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


def test_all_is_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Emulator(plan="free") as emulator:
        use(monkeypatch, emulator, tmp_path)
        base_url = emulator.base_url
        run, found = doctor()
    assert run.code == 0
    assert list(found) == [
        *("versions", "environment", "profile", "base URL", "API key", "proxy", "name", "connection", "TLS"),
        *("platform", "clock", "rate limit"),
    ]
    details = {name: each["detail"] for name, each in found.items()}
    assert "FIBONACCI_API_KEY, FIBONACCI_BASE_URL" in details["environment"]
    assert emulator.api_key not in run.out
    assert details["profile"] == f"none (no file {tmp_path}/config.toml)"
    assert details["base URL"] == f"{base_url} (FIBONACCI_BASE_URL)"
    assert details["API key"] == f"from FIBONACCI_API_KEY, {len(emulator.api_key)} characters"
    assert details["proxy"] == "none (this machine is reached directly)"
    assert details["TLS"] == "none: plain http"
    assert "the key is valid" in details["platform"]
    assert details["rate limit"].startswith("59 of 60 requests left until ")


def test_lines_for_people(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Emulator() as emulator:
        use(monkeypatch, emulator, tmp_path)
        monkeypatch.setenv("FIBONACCI_API_KEY", KEY)
        base_url = emulator.base_url
        run = invoke("doctor")
    assert (run.code, run.err) == (4, "")
    lines = run.out.splitlines()
    assert lines[3] == f"ok       base URL     {base_url} (FIBONACCI_BASE_URL)"
    assert [line[:22] for line in lines if line.startswith("problem")] == ["problem  API key      "]
    place = next(number for number, line in enumerate(lines) if line.startswith("problem"))
    assert "the platform refuses it: GET /tools: status 401" in lines[place]
    assert lines[place + 1].strip().startswith("-> create another key on the platform, then run `fibonacci auth login`")
    assert KEY not in run.out


@pytest.mark.usefixtures("keychain")
class TestKey:
    def test_none(self) -> None:
        run, found = doctor()
        assert run.code == 4
        assert found["API key"]["detail"] == "none in FIBONACCI_API_KEY or in a profile"
        assert found["API key"]["remedy"] == "run `fibonacci auth login`, or set FIBONACCI_API_KEY"

    def test_none_but_that_of_0_2_4(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_BASE_URL", "http://127.0.0.1:9/v1")
        write({"fibonacci-sdk/api_key": KEY})
        run, found = doctor()
        assert run.code == 4
        assert "`fibonacci auth login` takes it over" in found["API key"]["remedy"]

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
    @pytest.mark.parametrize(
        ("text", "part"), [("default = ", "is not TOML"), ("[profiles.x]\napi_key = 'y'", "must hold no API key")]
    )
    @pytest.mark.usefixtures("keychain")
    def test_a_bad_file(self, platform: pytest.MonkeyPatch, tmp_path: Path, text: str, part: str) -> None:
        platform.setenv("FIBONACCI_BASE_URL", "http://127.0.0.1:9/v1")
        (tmp_path / "config.toml").write_text(text)
        run, found = doctor()
        assert (run.code, list(found)[-1]) == (1, "connection")
        assert part in found["profile"]["detail"]

    @pytest.mark.usefixtures("platform")
    def test_an_unknown_profile_whose_address_is_not_known(self) -> None:
        run, found = doctor("--profile", "nope")
        assert (run.code, list(found)[-1]) == (1, "profile")
        assert "there is no profile 'nope'" in found["profile"]["detail"]

    def test_a_bad_address(self, platform: pytest.MonkeyPatch) -> None:
        platform.setenv("FIBONACCI_BASE_URL", "http://platform.example/v1")
        run, found = doctor()
        assert (run.code, list(found)[-1]) == (1, "base URL")
        assert "plain http to platform.example" in found["base URL"]["detail"]


class TestNetwork:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority.made_in(tmp_path)

    def test_nothing_listens(self, platform: pytest.MonkeyPatch) -> None:
        platform.setenv("FIBONACCI_BASE_URL", "http://127.0.0.1:9/v1")
        run, found = doctor()
        assert (run.code, list(found)[-1]) == (1, "connection")
        assert found["connection"]["detail"] == "no connection to 127.0.0.1:9: Connection refused"
        assert "whether a proxy is needed" in found["connection"]["remedy"]

    def test_no_network(self, platform: pytest.MonkeyPatch, names: NameService) -> None:
        platform.setenv("FIBONACCI_BASE_URL", "https://platform.invalid/v1")
        run, found = doctor()
        assert (run.code, list(found)[-1]) == (1, "name")
        assert "platform.invalid:443, whose name cannot be resolved" in found["name"]["detail"]
        assert found["name"]["remedy"] == "check base_url and the network's name service"

    def test_a_certificate_that_is_trusted(self, platform: pytest.MonkeyPatch, authority: Authority) -> None:
        platform.setenv("SSL_CERT_FILE", str(authority.file))
        platform.delenv("SSL_CERT_DIR", raising=False)
        with ScriptedServer(respond(body=TOOLS), tls=authority.good()) as server:
            platform.setenv("FIBONACCI_BASE_URL", server.base_url)
            run, found = doctor()
        assert run.code == 0
        detail = found["TLS"]["detail"]
        assert detail.startswith("TLSv1.3; certificate by trustme ")
        assert " days); trusted authorities: those of SSL_CERT_FILE=" in detail

    @pytest.mark.parametrize("kind", ["expired", "for_another_host", "unknown"])
    def test_a_certificate_that_is_not(self, platform: pytest.MonkeyPatch, authority: Authority, kind: str) -> None:
        if kind != "unknown":
            platform.setenv("SSL_CERT_FILE", str(authority.file))
        side = authority.good() if kind == "unknown" else getattr(authority, kind)()
        with ScriptedServer(respond(body=TOOLS), tls=side) as server:
            platform.setenv("FIBONACCI_BASE_URL", server.base_url)
            run, found = doctor()
        assert (run.code, list(found)[-1]) == (1, "TLS")
        assert "certificate verify failed" in found["TLS"]["detail"]
        assert "set SSL_CERT_FILE" in found["TLS"]["remedy"]
        assert server.requests == []

    def test_behind_a_proxy(self, platform: pytest.MonkeyPatch, authority: Authority, tmp_path: Path) -> None:
        platform.setenv("SSL_CERT_FILE", str(authority.file))
        with ScriptedServer(respond(body=TOOLS), tls=authority.good()) as server, tinyproxy(tmp_path) as port:
            platform.setenv("FIBONACCI_BASE_URL", elsewhere(server))
            platform.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
            run, found = doctor()
        assert run.code == 0
        assert found["proxy"]["detail"] == f"http://127.0.0.1:{port}"
        assert found["connection"]["detail"].startswith(f"127.0.0.1:{port} accepts in ")
        assert "certificate by trustme" in found["TLS"]["detail"]

    def test_a_proxy_that_refuses(self, platform: pytest.MonkeyPatch) -> None:
        platform.setenv("FIBONACCI_BASE_URL", f"https://{ELSEWHERE}:1/v1")
        with ScriptedServer(respond(407, b"")) as proxy:
            platform.setenv("HTTPS_PROXY", proxy.origin.replace("http://", "http://ada:pass-word@"))
            run, found = doctor()
        assert (run.code, run.data["checks"][-1]["name"]) == (1, "proxy")
        assert found["proxy"]["remedy"].startswith("the proxy needs a user and password, as in HTTPS_PROXY=")
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
            (0, 0, "as the server's, within a second"),
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

    def test_it_fails(self, server: ScriptedServer) -> None:
        server.add_response({"error": {"code": "down", "message": "Out of order"}}, 500)
        run, found = doctor()
        assert run.code == 1
        assert "status 500" in found["platform"]["detail"]
        assert "report the request id" in found["platform"]["remedy"]
        assert len(server.requests) == 1

    def test_a_key_that_may_list_no_tools(self, server: ScriptedServer) -> None:
        server.add_response({"error": {"code": "forbidden", "message": "No"}}, 403)
        run, found = doctor()
        assert run.code == 0
        assert found["platform"]["detail"] == "the key is valid, and may not list tools"


@pytest.mark.slow
def test_it_runs_in_a_process(tmp_path: Path) -> None:
    with Emulator() as emulator:
        run = spawn("doctor", env=environment(emulator, tmp_path))
    assert (run.code, run.err) == (0, "")
    assert all(line.startswith("ok ") for line in run.out.splitlines())
