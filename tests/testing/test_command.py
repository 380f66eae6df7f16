"""`fibonacci dev`, also as `python -m fibonacci.emulator`: in separate processes where signals matter."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from fibonacci import APIConnectionError, Fibonacci, ValidationError
from fibonacci.cli.main import main
from fibonacci.emulator import Emulator
from fibonacci.emulator.cli import log_request
from fibonacci.emulator.facade import app_of
from tests.kit.assertions import check_rows
from tests.kit.systems import needs_permissions, needs_signals

COMMAND = [sys.executable, "-W", "error", "-m", "fibonacci.emulator"]


@contextmanager
def served(*arguments: str) -> Generator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Run the command until the block ends; yield the process and what it says to export."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(2)]
            found = [re.fullmatch(r"export (FIBONACCI_[A-Z_]+)=(\S+)\n", line) for line in lines]
            yield process, {match[1]: match[2] for match in found if match}
        finally:
            process.kill()


def ended(process: subprocess.Popen[str], number: int) -> tuple[int, str]:
    """Send a signal; return the exit code and the log."""
    process.send_signal(number)
    _, log = process.communicate(timeout=20)
    return process.returncode, log


HANDLERS = """
import signal
from fibonacci.emulator import Emulator


def register(emulator: Emulator) -> None:
    emulator.llm(lambda call: f"real {call.instruction}")


def register_for_long(emulator: Emulator) -> None:
    signal.raise_signal(signal.SIGTERM)
    raise AssertionError("nothing has ended it")
"""


def outputs_of(client: Fibonacci) -> dict[str, object] | None:
    """Run the only workflow of an emulator, and return its outputs."""
    workflow = client.workflows.list().first()
    assert workflow is not None
    return client.workflows.run(workflow.id, timeout=20).outputs


@needs_signals
def test_it_serves_with_its_options_until_a_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows").mkdir()
    nodes = [{"id": "a", "type": "llm", "instruction": "one"}, {"id": "b", "type": "llm", "instruction": "two"}]
    (tmp_path / "flows" / "news.json").write_text(json.dumps({"nodes": nodes}))
    (tmp_path / "scripts.yaml").write_text("b: [scripted]")
    (tmp_path / "my_handlers.py").write_text(HANDLERS)
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text("key-in-a-file\n")
    monkeypatch.setenv("FIBONACCI_EMULATOR_API_KEY", "key-in-the-environment")
    kept = ("--db", "fibonacci.db", "--script", "scripts.yaml")
    recorded = ("--seed", "flows", "--handlers", "my_handlers:register", "--record", "calls.json")
    hosts = ("--allowed-host", "a.test", "--allowed-host", "b.test", "--origin", "http://localhost:5173")
    with served(*kept, *recorded, *hosts, "--strict") as (process, exported):
        assert list(exported) == ["FIBONACCI_BASE_URL", "FIBONACCI_API_KEY"]
        assert exported["FIBONACCI_API_KEY"] == "key-in-the-environment"
        check_hosts_and_origins(exported)
        for name, value in exported.items():
            monkeypatch.setenv(name, value)
        with Fibonacci() as client:  # it is still connected when the signal comes
            assert outputs_of(client) == {"a": "real one", "b": "scripted"}
            with pytest.raises(ValidationError, match="temprature"):
                client.workflows.create(name="x", definition={"nodes": [{**nodes[0], "temprature": 1}]})
            code, log = ended(process, signal.SIGTERM)
    assert code == 0
    assert re.search(r"^\d\d:\d\d:\d\d POST /v1/workflows 422 \d+\.\d ms\n\Z", log, re.MULTILINE), log

    replayed = ("--replay", "calls.json", "--api-key-file", "key", "--plan", "free", "--time", "skip")
    with served(*kept, *replayed) as (process, exported):
        assert exported["FIBONACCI_API_KEY"] == "key-in-a-file"
        with Fibonacci("key-in-a-file", base_url=exported["FIBONACCI_BASE_URL"]) as client:
            assert outputs_of(client) == {"a": "real one", "b": "scripted"}
            assert client.rate_limit is not None
            assert client.rate_limit.limit == 60
        assert ended(process, signal.SIGINT)[0] == 0


def check_hosts_and_origins(exported: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {exported['FIBONACCI_API_KEY']}"}
    with httpx.Client(base_url=exported["FIBONACCI_BASE_URL"], headers=headers, trust_env=False) as client:
        statuses = [
            client.get("/health", headers={"Host": host}).status_code for host in ("a.test", "b.test", "c.test")
        ]
        assert statuses == [200, 200, 403]
        for origin, status in (("http://localhost:5173", 200), ("http://localhost:5174", 403)):
            put = client.put("/memory/k", json={"value": 1}, headers={"Origin": origin})
            assert put.status_code == status


@pytest.fixture
def _signals_as_before() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@needs_signals
@pytest.mark.usefixtures("_signals_as_before")
def test_it_serves_here(capsys: pytest.CaptureFixture[str]) -> None:
    killer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    killer.start()
    assert main(["dev", "--port", "0"]) == 0
    killer.join()
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("export FIBONACCI_BASE_URL=http://127.0.0.1:")
    address, key = first.partition("=")[2].removesuffix("/v1"), second.partition("=")[2]
    assert third == f"# page: {address}/#key={key}"  # a comment for a shell that evaluates the lines


@pytest.mark.usefixtures("_signals_as_before")
def test_what_stops_it_at_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=str(port)) as caught:
            socket.create_server(("127.0.0.1", port))
        assert main(["dev", "--port", str(port)]) == 69
        assert f"cannot listen on 127.0.0.1, port {port}: {caught.value.strerror}" in capsys.readouterr().err
    assert main(["dev", "--port", "0", "--db", str(tmp_path / "no" / "folder.db")]) == 64
    assert "folder.db" in capsys.readouterr().err


def test_requests_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "fibonacci.emulator")
    emulator = Emulator()
    app_of(emulator).observers.append(log_request)
    emulator.client().tools.get("calculator")
    assert re.fullmatch(r"GET /v1/tools/calculator 200 \d+\.\d ms", caplog.messages[-1])
    emulator.fail("GET /health", kind="reset")
    with pytest.raises(APIConnectionError):
        emulator.client().health.check()
    assert re.fullmatch(r"GET /v1/health reset \(injected\) \d+\.\d ms", caplog.messages[-1])


REFUSED = [
    ("--host 0.0.0.0 --api-key nineteen-characters", "api_key must have 20 characters or more"),
    ("--host :: --api-key x", "api_key must have 20 characters or more"),
    ("--allowed-host http://x", "allowed_hosts must list names and addresses"),
    ("--origin localhost:5173", "origins must list origins as a browser sends them"),
    ("--api-key ä", "api_key must be printable ASCII"),
    ("--api-key-file two-lines", "api_key must be printable ASCII"),
    ("--port 65536", "port must be a number from 0 to 65535"),
    ("--keep 0", "keep must be a number of executions, at least 1"),
    ("--script none.json", "none.json: the file cannot be read"),
    ("--script bad.json", "bad.json:1:7: a: has no answers: a script needs at least one"),
    ("--seed none", "cannot be read: No such file"),
    ("--replay none.json", "none.json: the cassette does not exist"),
    ("--handlers no_module:register", "--handlers no_module:register: No module named 'no_module'"),
    ("--handlers json:register", "--handlers json:register: module 'json' has no attribute 'register'"),
    ("--handlers json", "Write module:function"),
    ("--api-key a --api-key-file key", "not allowed with argument"),
    ("--api-key-file none", "none cannot be used: No such file"),
    ("--api-key-file open", "open cannot be used: may be read by other users (mode 644): run `chmod go= open`"),
    ("--port http", "argument --port: invalid int value"),
    (f"--keep {'9' * 5000}", "argument --keep: invalid number_or_all value"),
    ("--reload", "--reload imports your functions again: name the function that registers them with --handlers"),
    ("--plan gold", "unknown value for --plan 'gold'"),
    ("--record calls.json", "--record records calls of your functions: name the function that registers them with"),
    ("--record calls.json --replay calls.json", "not allowed with argument"),
]


@needs_permissions
@pytest.mark.usefixtures("_signals_as_before")
def test_what_it_refuses(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text, mode in (("key", "k", 0o600), ("two-lines", "secret\nsecret", 0o600), ("open", "secret", 0o644)):
        Path(name).write_text(text)
        Path(name).chmod(mode)
    Path("bad.json").write_text('{"a": []}')
    if os.geteuid() == 0:  # to root it may be a container's secret, unless it belongs to another user
        for path in (tmp_path, "open"):
            os.chown(path, 64_001, 64_001)

    def check(row: tuple[str, str]) -> None:
        line, reason = row
        assert main(["dev", "--port", "0", *shlex.split(line)]) == 64
        err = capsys.readouterr().err
        assert reason in err
        assert "secret" not in err

    check_rows(((line, (line, reason)) for line, reason in REFUSED), check)
