"""`fibonacci dev`: the emulator until Ctrl-C, or for one command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.emulator.cli import exports
from fibonacci.emulator.cli_arguments import Shell
from tests.cli.invocation import environment, invoke
from tests.kit.nodes import llm
from tests.kit.programs import find
from tests.kit.systems import needs_shell, needs_signals

PRINT = (sys.executable, "-c", "import os; print(os.environ['FIBONACCI_BASE_URL'], os.environ['FIBONACCI_API_KEY'])")


DEV = ("fibonacci.cli", "dev")
EMULATOR = ("fibonacci.emulator",)


@contextmanager
def serving(folder: Path, *arguments: str, module: Sequence[str] = DEV) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", "-m", *module, "--port", "0", *arguments]
    pipe = subprocess.PIPE
    variables = environment(None, folder)
    with subprocess.Popen(command, env=variables, stdout=pipe, stderr=pipe, text=True, cwd=folder) as process:
        try:
            yield process
        finally:
            process.kill()


@needs_signals
@pytest.mark.slow
def test_handlers_reload_and_the_state_stays_until_sigterm(tmp_path: Path) -> None:
    handlers = tmp_path / "handlers_to_change.py"
    text = "def register(emulator):\n    emulator.llm(lambda call: 'one')\n"
    handlers.write_text(text, "utf-8")
    with serving(tmp_path, "--json", "--handlers", "handlers_to_change:register", "--reload") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        printed = json.loads(process.stdout.readline())
        with Fibonacci(printed["FIBONACCI_API_KEY"], base_url=printed["FIBONACCI_BASE_URL"]) as client:
            workflow = client.workflows.create(name="x", definition={"nodes": [llm("a")]}).id
            runs = [client.workflows.run(workflow, timeout=20)]
            for changed, said in (
                (text.replace("one", "two"), "handlers_to_change:register was reloaded"),
                (text.replace("'one')", "'one'"), "handlers_to_change.py:2: SyntaxError: '(' was never closed"),
            ):
                handlers.write_text(changed, "utf-8")
                while said not in (line := process.stderr.readline()):
                    assert line, "the emulator has ended"
                runs.append(client.workflows.run(workflow, timeout=20))
            assert [run.outputs for run in runs] == [{"a": "one"}, {"a": "two"}, {"a": "two"}]
            assert {run.id for run in runs} == {run.id for run in client.executions.list(workflow_id=workflow)}
        process.terminate()
        assert process.wait(20) == 0


def test_a_command_behind_the_dashes_has_the_two_variables(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIBONACCI_BASE_URL", "https://elsewhere.example/v1")
    before = signal.getsignal(signal.SIGTERM)
    arguments = ["--port", "0", "--api-key", "local-key", "--", *PRINT]
    assert invoke("dev", "--quiet", *arguments) == (0, "", "")
    text = capfd.readouterr().out
    assert text.startswith("http://127.0.0.1:")
    assert text.endswith("/v1 local-key\n")
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("is_opened", [True, False])
def test_the_browser_gets_an_address_without_the_key(
    is_opened: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    addresses: list[str] = []

    def open_browser(address: str) -> bool:
        addresses.append(address)
        return is_opened

    monkeypatch.setattr("webbrowser.open", open_browser)
    run = invoke("dev", "--port", "0", "--open", "--", *PRINT)
    address = capfd.readouterr().out.split("/v1 ")[0]
    assert (run.code, addresses) == (0, [f"{address}/"])
    assert run.err.startswith(f"page: {address}/#key=")
    assert (f"no browser could be started: open {address}/\n" in run.err) != is_opened


@needs_shell
def test_the_exit_code_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # a folder that may not be read would make it another error
    for command, code in ((["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137), (["no-such-command"], 64)):
        run = invoke("dev", "--port", "0", "--", *command)
        assert (run.code, run.out) == (code, "")
    assert run.err.splitlines()[-1] == "fibonacci: no-such-command: No such file or directory"


@needs_signals
@pytest.mark.slow
@pytest.mark.parametrize(("module", "number"), [(DEV, signal.SIGTERM), (EMULATOR, signal.SIGHUP)])
def test_a_signal_reaches_the_command(tmp_path: Path, number: signal.Signals, module: Sequence[str]) -> None:
    # A signal just before signal.pause() would wait for the next one, so the program blocks it and asks for it.
    numbers = f"{{{int(number)}}}"
    program = f"import signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {numbers}); print('up', flush=True)"
    wait = f"signal.sigwait({numbers}); sys.exit(5)"
    with serving(tmp_path, "--", sys.executable, "-c", f"{program}; {wait}", module=module) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
        assert process.wait(20) == 5


@pytest.mark.parametrize(
    ("shell", "program"), [("sh", "sh"), ("sh", "zsh"), ("fish", "fish"), ("powershell", None)], ids=str
)
def test_lines_for_shells(shell: Shell, program: str | None, tmp_path: Path) -> None:
    key = r"it's$HOME\local"
    with Emulator(api_key=key) as emulator:
        lines = exports(emulator, shell)
    if program is None:
        assert lines.splitlines()[1] == r"$env:FIBONACCI_API_KEY = 'it''s$HOME\local'"
        return
    find(program)
    script = f"{lines}\nprintenv FIBONACCI_API_KEY"
    run = subprocess.run(
        [program, "-c", script], capture_output=True, text=True, env={**os.environ, "HOME": str(tmp_path)}
    )
    assert (run.stdout, run.stderr) == (f"{key}\n", "")
