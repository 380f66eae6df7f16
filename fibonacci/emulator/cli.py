"""The command `python -m fibonacci.emulator`: serve an emulator until a signal, and log the requests."""

from __future__ import annotations

import argparse
import logging
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from types import FrameType
from typing import Final, get_args
from urllib.parse import quote

from fibonacci._log_records import log
from fibonacci.emulator.account.auth import SAFE_LENGTH
from fibonacci.emulator.account.plans import PLANS
from fibonacci.emulator.app.hosts import Hosts, is_loopback
from fibonacci.emulator.app.origins import Origins
from fibonacci.emulator.app.retention import KEPT
from fibonacci.emulator.facade.emulator import Emulator
from fibonacci.emulator.faults.fault import SILENT
from fibonacci.emulator.faults.response import FailingResponse
from fibonacci.emulator.http.messages import ServerRequest, ServerResponse
from fibonacci.emulator.input_files import InputFileError
from fibonacci.emulator.state.clock import TimeMode
from fibonacci.emulator.state.errors import StateError

PORT: Final = 8787
"""The default port: a fixed one, so that exported variables stay valid over a restart."""

_PROGRAM: Final = "python -m fibonacci.emulator"

_log: Final = logging.getLogger("fibonacci.emulator")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM.

    Args:
        arguments: The arguments of the command line. Default: those in `sys.argv`.

    Returns:
        The exit code: 0 after a signal, 1 if it cannot serve.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if not is_loopback(options.host) and len(options.api_key or "") < SAFE_LENGTH:
        parser.error(
            f"--host {options.host} can be reached by other machines: choose a key for it with --api-key, of "
            f"{SAFE_LENGTH} characters or more"
        )
    if options.record is not None and options.handlers is None:
        parser.error("--record records the calls of your functions: name what registers them with --handlers")
    stop = _stop_on_signal()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO)
    try:
        emulator = Emulator(
            path=options.db,
            time=options.time,
            plan=options.plan,
            api_key=options.api_key,
            host=options.host,
            port=options.port,
            keep=options.keep,
            strict=options.strict,
            scripts=options.script,
            seed=options.seed,
            hosts=options.allow_host,
            origins=options.origin,
        )
        _use(emulator, options)
        with emulator:
            emulator.app.observers.append(log_request)
            print(f"{exports(emulator)}\n# page: {page_address(emulator)}", flush=True)
            while not stop.wait(0.5):  # on Windows, a signal is handled between two waits only
                pass
    except (StateError, InputFileError, ImportError, _HandlersError) as error:
        return _cannot(str(error))
    except OSError as error:
        return _cannot(f"it cannot listen on {options.host}, port {options.port}: {error.strerror}")
    return 0


def exports(emulator: Emulator) -> str:
    """Return the two lines that configure a shell's clients for a running emulator.

    Args:
        emulator: The emulator.

    Example:
        >>> with Emulator(port=0, api_key="local-key") as emulator:
        ...     print(exports(emulator))
        export FIBONACCI_BASE_URL=http://127.0.0.1:.../v1
        export FIBONACCI_API_KEY=local-key
    """
    return f"export FIBONACCI_BASE_URL={_base_url(emulator)}\nexport FIBONACCI_API_KEY={shlex.quote(emulator.api_key)}"


def page_address(emulator: Emulator) -> str:
    """Return the address of a running emulator's page, with its key behind the `#`, which no server gets to see.

    Args:
        emulator: The emulator.

    Example:
        >>> with Emulator(port=0, api_key="local-key") as emulator:
        ...     print(page_address(emulator))
        http://127.0.0.1:.../#key=local-key
    """
    return f"{_base_url(emulator).removesuffix('/v1')}/#key={quote(emulator.api_key, safe='')}"


def _base_url(emulator: Emulator) -> str:
    """Return the base URL as a client on this machine reaches it."""
    return emulator.base_url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


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


class _HandlersError(Exception):
    """What `--handlers` names cannot be used."""


def _use(emulator: Emulator, options: argparse.Namespace) -> None:
    """Register the user's handlers, and use the cassette."""
    if options.handlers is not None:
        _register(emulator, options.handlers)
    if options.record is not None:
        emulator.record(options.record)
    elif options.replay is not None:
        emulator.replay(options.replay)


def _register(emulator: Emulator, name: str) -> None:
    module, _, function = name.partition(":")
    try:
        register = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise _HandlersError(f"--handlers {name}: {error}; it is module:function") from error
    register(emulator)


def _cannot(reason: str) -> int:
    print(f"{_PROGRAM}: {reason}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Serve the Fibonacci platform on this machine, until SIGINT (Ctrl-C) or SIGTERM.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on; default: loopback")
    parser.add_argument("--port", type=_port, default=PORT, help=f"the port; default: {PORT}; 0 takes a free one")
    parser.add_argument("--db", metavar="FILE", help="keep the state in this file; default: in memory")
    parser.add_argument("--plan", choices=PLANS, default="enterprise", help="the plan: rate limits and quotas")
    parser.add_argument(
        "--keep",
        type=_keep,
        default=KEPT,
        metavar="N",
        help=f"how many executions that have ended are kept, or all; default: {KEPT}",
    )
    parser.add_argument("--api-key", type=_key, metavar="KEY", help="the owner's key; default: a new one")
    parser.add_argument(
        "--time", choices=get_args(TimeMode), default="real", help="the mode of the clock; default: real"
    )
    parser.add_argument(
        "--strict", action="store_true", help="refuse what is unknown or not supported, in place of a warning"
    )
    parser.add_argument("--script", metavar="FILE", help="answers for nodes, in sequence: a file of JSON or YAML")
    parser.add_argument("--seed", metavar="FOLDER", help="definitions, settings and memory to begin with")
    parser.add_argument(
        "--handlers", metavar="MODULE:FUNCTION", help="a function that registers handlers with the emulator it is given"
    )
    cassette = parser.add_mutually_exclusive_group()
    cassette.add_argument("--record", metavar="FILE", help="record the calls of handlers in this file")
    cassette.add_argument("--replay", metavar="FILE", help="answer the calls of handlers from this file")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        type=_checked(lambda name: Hosts(named=[name])),
        metavar="NAME",
        help="a name or address that requests may have in Host, such as a container's; may be repeated",
    )
    parser.add_argument(
        "--origin",
        action="append",
        default=[],
        type=_checked(lambda origin: Origins(Hosts(), [origin])),
        metavar="ORIGIN",
        help="an origin whose pages may call it, such as http://localhost:5173; may be repeated",
    )
    return parser


def _checked(check: Callable[[str], object]) -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return text

    return read


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _keep(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("it is a number of executions, at least 1, or all")
    return int(text)


def _key(text: str) -> str:
    if not text or not all("!" <= character <= "~" for character in text):
        raise argparse.ArgumentTypeError("a key holds printable ASCII without blanks")
    return text


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    return stop
