"""`fibonacci auth`: a key is read without echo, checked, stored in the keychain, and shown nowhere."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from keyring.backends import null

from fibonacci._profiles.config_file import read_profiles
from fibonacci.emulator import Emulator
from tests.cli.invocation import Invocation, environment, invoke
from tests.kit.keychain import BrokenKeychain, entries, in_keychain, write
from tests.kit.pseudo_terminal import PseudoTerminal
from tests.kit.server import ScriptedServer
from tests.kit.steps import error_body, respond
from tests.kit.systems import needs_pseudo_terminals
from tests.tools.markdown import ROOT

pytestmark = pytest.mark.usefixtures("keychain")

LEGACY = "fibonacci-sdk/api_key"


def login(emulator: Emulator, key: str | None = None, *arguments: str) -> Invocation:
    key = emulator.api_key if key is None else key
    run = invoke("auth", "login", "--profile", "work", "--base-url", emulator.base_url, *arguments, stdin=key)
    if key.strip():
        assert key.strip() not in run.out + run.err
    return run


def origin_of(emulator: Emulator) -> str:
    return emulator.base_url.removesuffix("/v1")


class TestLogin:
    def test_a_piped_key_is_stored_and_used(self, emulator: Emulator) -> None:
        run = login(emulator, f"  {emulator.api_key}\r\nanything else\n")
        assert (run.code, run.out) == (0, "")
        assert "the API key is valid, and stored in the keychain (keychain FileKeychain) for the profile" in run.err
        assert entries() == {f"fibonacci {origin_of(emulator)}/work": emulator.api_key}
        file = read_profiles()
        assert (file.default_name, file.profiles["work"].base_url) == ("work", emulator.base_url)
        assert emulator.api_key not in file.text
        assert invoke("request", "GET", "/tools/calculator").data["name"] == "calculator"

    def test_the_environment_names_profile_and_address(
        self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIBONACCI_PROFILE", "named")
        monkeypatch.setenv("FIBONACCI_BASE_URL", emulator.base_url)
        monkeypatch.setenv("FIBONACCI_API_KEY", "sk-of-the-environment")
        run = invoke("auth", "login", stdin=emulator.api_key)
        assert run.code == 0
        assert "FIBONACCI_API_KEY is set and takes precedence" in run.err
        assert read_profiles().profiles["named"].base_url == emulator.base_url

    def test_a_key_that_may_list_no_tools_is_valid(self) -> None:
        with ScriptedServer(respond(403, error_body("forbidden"))) as server:
            run = invoke("auth", "login", "--base-url", server.base_url, stdin="sk-narrow")
        assert run.code == 0
        assert entries() == {f"fibonacci {server.origin}/default": "sk-narrow"}

    def test_a_bad_key_is_not_stored(self, emulator: Emulator) -> None:
        for key, code, message in (
            ("sk-wrong", 4, "status 401"),
            ("sk wrong", 4, "the API key has the character ' ' at position 2"),
            (" \n", 64, "no API key was given: type it at the prompt, or pipe it to stdin"),
        ):
            run = login(emulator, key)
            assert (run.code, run.out) == (code, "")
            assert message in run.err
            assert len(run.err.splitlines()) == 1
            assert (entries(), read_profiles().text) == ({}, "")

    def test_a_server_of_the_api_of_0_2_4(self) -> None:
        with ScriptedServer(respond(body=b"[]")) as server:
            options = ("--base-url", server.origin, "--api-version", "0.2")
            assert invoke("auth", "login", *options, stdin="sk-1234").code == 0
            run = invoke("auth", "status")
            assert (run.data["base_url"], run.data["api_version"], run.data["valid"]) == (server.origin, "0.2", True)
            assert {request.target for request in server.requests} == {"/api/v1/tools"}
            other = invoke("auth", "login", "--base-url", server.base_url, "--api-version", "v1", stdin="sk-1234")
        assert other.code == 64
        assert (
            f"has the base URL {server.origin} (API 0.2), and --base-url names {server.base_url} (API v1)" in other.err
        )
        wrong = invoke("auth", "login", "--base-url", server.base_url, "--api-version", "0.2", stdin="sk-1234")
        assert wrong.err == (
            "fibonacci: --base-url ends in /v1, the path of the documented API. With the API 0.2, pass the root of a"
            " server, such as https://api.fibonacci.today\n"
        )
        assert entries() == {f"fibonacci {server.origin}/default": "sk-1234"}

    @pytest.mark.parametrize(
        ("kind", "message"),
        [
            (null.Keyring, "does not store anything: set FIBONACCI_API_KEY instead"),
            (BrokenKeychain, "(OSError: D-Bus is gone, so [API key] is lost): fix it, or set FIBONACCI_API_KEY"),
        ],
    )
    def test_a_keychain_that_cannot_be_used(
        self, emulator: Emulator, kind: Any, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        with in_keychain(monkeypatch, tmp_path, kind):
            run = login(emulator)
        assert (run.code, run.out) == (4, "")
        assert message in run.err
        assert read_profiles().text == ""

    def test_a_file_that_cannot_be_written_leaves_no_key(
        self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object, **options: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("fibonacci._profiles.changes.write_file", fail)
        run = login(emulator)
        assert run.code == 69
        assert "No space left on device" in run.err
        assert entries() == {}


class TestLegacyKey:
    def test_it_is_taken_over_once(self, emulator: Emulator) -> None:
        write({LEGACY: emulator.api_key})
        status = invoke("auth", "status")
        assert status.code == 4
        assert "fibonacci-sdk 0.2.4 stored an API key: run `fibonacci auth login` to move it here" in status.err
        run = login(emulator, "")
        assert run.code == 0
        assert "using the API key that fibonacci-sdk 0.2.4 stored" in run.err
        assert emulator.api_key not in run.err
        assert entries() == {LEGACY: emulator.api_key, f"fibonacci {origin_of(emulator)}/work": emulator.api_key}
        assert "no API key was given" in login(emulator, "").err

    def test_no_client_sends_it(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        write({LEGACY: emulator.api_key})
        monkeypatch.setenv("FIBONACCI_BASE_URL", emulator.base_url)
        assert invoke("request", "GET", "/tools").code == 4


class TestStatus:
    def test_the_status_of_a_stored_key_exits_0(self, emulator: Emulator) -> None:
        assert login(emulator).code == 0
        run = invoke("auth", "status")
        assert (run.code, run.err) == (0, "")
        assert run.data == {
            "profile": "work",
            "base_url": emulator.base_url,
            "base_url_source": "profile",
            "api_version": "v1",
            "key_source": "keychain",
            "valid": True,
        }

    def test_a_key_of_the_environment_that_is_refused(
        self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIBONACCI_API_KEY", "sk-wrong")
        monkeypatch.setenv("FIBONACCI_BASE_URL", emulator.base_url)
        run = invoke("auth", "status")
        assert run.code == 4
        assert (run.data["key_source"], run.data["valid"], run.data["profile"]) == ("environment", False, None)
        assert "status 401" in run.err
        assert "sk-wrong" not in run.out + run.err

    @pytest.mark.parametrize("command", [["auth", "status"], ["doctor"]], ids=" ".join)
    def test_a_key_of_the_environment_is_not_sent_to_the_default_profile(
        self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, command: list[str]
    ) -> None:
        assert invoke("profiles", "add", "work", "--base-url", emulator.base_url).code == 0
        monkeypatch.setenv("FIBONACCI_API_KEY", "sk-of-the-platform")
        monkeypatch.setenv("FIBONACCI_MAX_RETRIES", "0")
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # the documented address is out of reach
        run = invoke(*command)
        assert run.code == (69 if command == ["auth", "status"] else 1)
        assert "https://api.fibonacci.dev/v1" in run.out
        assert emulator.requests.to("GET /tools").count == 0


class TestLogout:
    def test_the_key_is_deleted(self, emulator: Emulator) -> None:
        assert login(emulator).code == 0
        run = invoke("auth", "logout")
        assert (run.code, run.out) == (0, "")
        assert run.err == f"deleted the API key of the profile 'work' for {origin_of(emulator)}\n"
        assert (entries(), read_profiles().profiles["work"].keychain) == ({}, False)
        assert invoke("auth", "status").code == 4

    def test_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_API_KEY", "sk-1234")
        assert invoke("auth", "logout") == (
            0,
            "",
            "no API key is stored\nFIBONACCI_API_KEY is still set, so the SDK uses its key\n",
        )


def test_the_commands_of_the_page(emulator: Emulator) -> None:
    page = (ROOT / "docs" / "how-to" / "keep-keys-in-profiles.md").read_text("utf-8")
    lines = page.partition("```bash\n")[2].partition("```")[0].splitlines()
    assert lines[0] == "fibonacci auth login"  # at the documented address, which is not there in a test
    lines[0] += " --base-url http://127.0.0.1:8787/v1"
    for line in lines:
        arguments = shlex.split(line.replace("http://127.0.0.1:8787/v1", emulator.base_url))
        assert invoke(*arguments[1:], stdin=emulator.api_key).code == 0, line
    assert list(entries()) == [f"fibonacci {origin_of(emulator)}/default"]


@pytest.mark.slow
@needs_pseudo_terminals
def test_a_typed_key_is_not_echoed(emulator: Emulator, tmp_path: Path) -> None:
    variables = {
        **environment(None, tmp_path),
        "FIBONACCI_BASE_URL": emulator.base_url,
        "PYTHON_KEYRING_BACKEND": "tests.kit.keychain.FileKeychain",
        "TEST_KEYCHAIN_FILE": os.environ["TEST_KEYCHAIN_FILE"],
    }
    screen = typed(emulator.api_key, "auth", "login", env=variables)
    assert f"API key for {emulator.base_url} (it is not shown): " in screen
    assert "the API key is valid" in screen
    assert emulator.api_key not in screen


def typed(line: str, *arguments: str, env: dict[str, str]) -> str:
    """Run the command in a terminal, type a line at its prompt, and return what the screen has shown."""
    terminal = PseudoTerminal()
    command = [sys.executable, "-m", "fibonacci.cli", *arguments]
    # In a new session, so that the terminal belongs to the process.
    script = "import fcntl, sys, termios, runpy; fcntl.ioctl(0, termios.TIOCSCTTY, 0); sys.argv = sys.argv[1:]; "
    command[1:3] = ["-c", f"{script}runpy.run_module('fibonacci.cli', run_name='__main__')", "fibonacci"]
    end = terminal.descriptor

    def answer(screen: str) -> None:
        if screen.endswith("(it is not shown): "):
            terminal.type(f"{line}\n")

    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, env=env, start_new_session=True, close_fds=True):
        return terminal.read(answer)
