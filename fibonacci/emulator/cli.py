"""What `fibonacci dev` does: serve an emulator until a signal, or for one command."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from traceback import format_exception_only
from types import FrameType
from typing import Any, Final
from urllib.parse import quote

from fibonacci._texts.logging import log
from fibonacci.emulator.cli_arguments import Shell, given_key
from fibonacci.emulator.facade import Emulator, app_of, client_variables, reachable_url
from fibonacci.emulator.faults import SILENT, FailingResponse
from fibonacci.emulator.handler_files import HandlerFiles
from fibonacci.emulator.http.messages import ServerRequest, ServerResponse

_SIGNALS: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""The signals that end a command. Closing the terminal sends SIGHUP, which Windows doesn't have."""

_SIGNALED: Final = 128  # what a shell adds to the number of the signal that has ended a command

_log: Final = logging.getLogger("fibonacci.emulator")


class ChildError(ValueError):
    """The command to run with an emulator cannot be started."""


def serve(options: argparse.Namespace, announce: Callable[[Emulator], object]) -> None:
    """Serve an emulator until a signal, which the caller turns into a `KeyboardInterrupt`.

    Args:
        options: What a parser with `add_arguments` has parsed.
        announce: Called with the emulator when it listens.

    Raises:
        ValueError: If an option, or a file that it names, cannot be used.
        ImportError: If a file is YAML and PyYAML is not installed.
        OSError: If it cannot listen.
    """
    with suppress(KeyboardInterrupt):
        emulator, forever = _new_emulator(options), threading.Event()
        with _listening(emulator, options):
            announce(emulator)
            while not forever.wait(0.5):  # Windows handles a signal only between two waits
                pass


def serve_command(options: argparse.Namespace, announce: Callable[[Emulator], object]) -> int:
    """Serve an emulator while a command runs in the foreground, with the address and the key in its environment.

    Ctrl-C reaches the command itself, which shares the terminal. SIGTERM and SIGHUP are passed on to it.

    Args:
        options: What a parser with `add_arguments` has parsed, including the command.
        announce: Called with the emulator when it listens.

    Returns:
        The exit code of the command, or the one that a shell gives it if a signal ended it. 1 if the command passed,
        but a script or something else that was prepared never acted.

    Raises:
        ChildError: If the command cannot be started.
        ValueError: If the options cannot be used, as in `serve`.
        OSError: If it cannot listen.
    """
    emulator = _new_emulator(options)
    with _listening(emulator, options):
        announce(emulator)
        code = _run(options.command, {**os.environ, **client_variables(emulator)})
        try:
            if code == 0:
                emulator.check_unused()
        except AssertionError as error:
            _print_to_stderr("".join(format_exception_only(error)).rstrip())
            return 1
        return code


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []  # signals that came before there was a process to pass them on to

    def forward(number: int, frame: FrameType | None) -> None:
        if process is None:
            early.append(number)
        elif number != signal.SIGINT:
            process.send_signal(number)

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # no other thread may handle signals
        heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # as with `nohup`
        before = {number: signal.signal(number, forward) for number in heard}
    try:
        process = _start(command, environment)
        with process:
            for received in early:
                process.send_signal(received)
            code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else _SIGNALED - code


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, env=environment)
    except OSError as error:
        raise ChildError(f"{command[0]}: {error.strerror}") from error


def _new_emulator(options: argparse.Namespace) -> Emulator:
    """Return the emulator that the options describe, which logs its requests and does not listen yet."""
    for option, does in {"record": "records calls of your functions", "reload": "imports your functions again"}.items():
        if getattr(options, option) and options.handlers is None:
            raise ValueError(f"--{option} {does}: name the function that registers them with --handlers")
    emulator = Emulator(
        db=options.db,
        time=options.time,
        plan=options.plan,
        api_key=given_key(options),
        host=options.host,
        port=options.port,
        keep=options.keep,
        strict=options.strict,
        scripts=options.script,
        allow_unused=True,  # until a command has passed
        seed=options.seed,
        allowed_hosts=options.allowed_host,
        origins=options.origin,
    )
    if options.handlers is not None:
        HandlerFiles(options.handlers).register(emulator)
    if options.record is not None:
        emulator.record(options.record)
    elif options.replay is not None:
        emulator.replay(options.replay)
    app_of(emulator).observers.append(log_request)
    return emulator


@contextmanager
def _listening(emulator: Emulator, options: argparse.Namespace) -> Generator[None]:
    """Let an emulator listen while the block runs, and reload the user's handlers if the options say so.

    Raises:
        OSError: If it cannot listen. The message names the address and the port.
    """
    try:
        emulator.start()
    except OSError as error:
        raise OSError(f"cannot listen on {options.host}, port {options.port}: {error.strerror}") from error
    with emulator, HandlerFiles(options.handlers).reloading(emulator) if options.reload else nullcontext():
        yield


def log_to_stderr() -> None:
    """Log each request to stderr, on one line."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO)


def announcement(emulator: Emulator, shell: Shell = "sh") -> str:
    """Return what to print about a running emulator: the lines to export, and the address of its page as a comment."""
    return f"{exports(emulator, shell)}\n# page: {page_address(emulator)}"


def exports(emulator: Emulator, shell: Shell = "sh") -> str:
    """Return the lines that configure a shell's clients for a running emulator.

    Args:
        emulator: The emulator.
        shell: The language of the shell.

    Example:
        >>> with Emulator(port=0, api_key="local-key") as emulator:
        ...     print(exports(emulator))
        export FIBONACCI_BASE_URL=http://127.0.0.1:.../v1
        export FIBONACCI_API_KEY=local-key
    """
    return "\n".join(_EXPORTS[shell](name, value) for name, value in client_variables(emulator).items())


def _fish_export(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{escaped}'"


def _powershell_export(name: str, value: str) -> str:
    escaped = value.replace("'", "''")
    return f"$env:{name} = '{escaped}'"


_EXPORTS: Final[Mapping[Shell, Callable[[str, str], str]]] = {
    "sh": lambda name, value: f"export {name}={shlex.quote(value)}",
    "fish": _fish_export,
    "powershell": _powershell_export,
}


def page_address(emulator: Emulator) -> str:
    """Return the address of a running emulator's page, with its key after the `#`, which browsers send to no server.

    Args:
        emulator: The emulator.

    Example:
        >>> with Emulator(port=0, api_key="local-key") as emulator:
        ...     print(page_address(emulator))
        http://127.0.0.1:.../#key=local-key
    """
    return f"{reachable_url(emulator).removesuffix('/v1')}/#key={quote(emulator.api_key, safe='')}"


def log_request(request: ServerRequest, response: ServerResponse, seconds: float) -> None:
    """Log a line for a request: method, path, status or injected failure, milliseconds."""
    outcome = f"{response.failure.kind} (injected)" if isinstance(response, FailingResponse) else response.status
    silent = isinstance(response, FailingResponse) and response.failure.kind in SILENT
    log(
        _log,
        logging.INFO,
        "%s %s %s %.1f ms",
        *(request.method, request.target, outcome, seconds * 1000),
        method=request.method,
        path=request.target,
        status=None if silent else response.status,
        elapsed=seconds,
        request_id=None if silent else dict(response.headers).get("X-Request-Id"),
    )


def _print_to_stderr(text: str) -> None:
    if sys.stderr is not None:  # with `None`, `print` would write to stdout
        print(text, file=sys.stderr)
