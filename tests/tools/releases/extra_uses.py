"""Use extras of the installed package.

python tests/tools/releases/extra_uses.py FILE

Run as a file, with what is installed and nothing else. FILE has pairs of an extra and of modules, as JSON: in the use
of the extra, importing one of the modules fails, as if it were not there. It prints a list with the traceback of each
use that fails, and an empty text for each other one.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from fibonacci import APIConnectionError
from fibonacci.emulator import Emulator

if TYPE_CHECKING:
    from fibonacci import Fibonacci

BODY: Final = b'{"data": {"status": "healthy"}}'


class RefusedModules:
    """A finder that refuses modules.

    Args:
        names: Their names.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raise for one of the modules, and leave others to the finders after this one."""
        if fullname.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def arrow() -> None:
    """Make a table of a page."""
    with _emulated() as (client, _):
        assert client.workflows.list().to_arrow().num_rows == 1


def http2() -> None:
    """Carry out a call over HTTP/2 without TLS."""
    import httpx

    with httpx.Client(http1=False, http2=True) as http_client:
        _check_health(_respond_by_http2, http_client=http_client)


def httpx2() -> None:
    """Carry out a call through httpx2."""
    import httpx2

    with httpx2.Client() as http_client, _emulated(http_client=http_client) as (client, _):
        assert client.health.check().healthy


def keyring() -> None:
    """Name the keychain, which here keeps nothing."""
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    from fibonacci._profiles.keychain import keychain_name

    assert keychain_name()


def machine() -> None:
    """Share a rate limit in the folder of this process."""
    tempfile.tempdir = str(Path.cwd())
    with _emulated(rate_limiter="machine") as (client, _):
        assert client.health.check().healthy


def mcp() -> None:
    """Serve the tools of an emulator to an agent that leaves at once."""
    with Emulator() as emulator:
        os.environ.update(FIBONACCI_API_KEY=emulator.api_key, FIBONACCI_BASE_URL=emulator.base_url)
        _run_command("mcp")


def otel() -> None:
    """Trace a call."""
    from fibonacci.integrations.opentelemetry import OpenTelemetryTracing

    with _emulated(tracing=OpenTelemetryTracing()) as (client, _):
        assert client.health.check().healthy


def pandas() -> None:
    """Make a data frame of a page."""
    with _emulated() as (client, _):
        assert len(client.workflows.list().to_pandas()) == 1


def png() -> None:
    """Draw a definition."""
    from fibonacci.definitions.diagrams.png import png

    assert png({"nodes": [{"id": "a", "type": "llm", "instruction": "b"}]}).startswith(b"\x89PNG")


def polars() -> None:
    """Make a data frame of a page."""
    with _emulated() as (client, _):
        assert client.workflows.list().to_polars().height == 1


def postgres() -> None:
    """Ask a PostgreSQL server that does not know what is asked."""
    from fibonacci import JournalError, read_journal

    try:
        read_journal("postgresql://127.0.0.1:1/db?journal=a&sslmodel=require")
    except JournalError as error:
        message = str(error)
    else:
        raise AssertionError("the options were not looked at")
    if "libpq does not understand" not in message:
        raise AssertionError(message)


def progress() -> None:
    """Show the progress of a run."""
    with _emulated() as (client, workflow_id):
        assert client.workflows.run(workflow_id, progress=True).succeeded


def redis() -> None:
    """Ask a Redis server that is not there."""
    with _emulated(rate_limiter="redis://127.0.0.1:1/0", timeout=3) as (client, _):
        try:
            client.health.check()
        except APIConnectionError as error:
            message = str(error)
        else:
            raise AssertionError("the Redis server was not asked")
    if "redis://127.0.0.1:1" not in message:
        raise AssertionError(message)


def socks() -> None:
    """Carry out a call through a SOCKS5 proxy, which responds for every host."""

    def respond(connection: socket.socket) -> None:
        connection.recv(1024)  # the methods
        connection.sendall(b"\5\0")
        connection.recv(1024)  # the host
        connection.sendall(b"\5\0\0\1\0\0\0\0\0\0")
        _read_header(connection, b"host")
        _respond(connection, BODY)

    with _listening(respond) as port:
        os.environ["ALL_PROXY"] = f"socks5h://127.0.0.1:{port}"
        with _client_of("http://platform.test/v1", allow_insecure=True, transport="httpx") as client:
            assert client.health.check().healthy


def yaml() -> None:
    """Read a definition in YAML."""
    from fibonacci.definitions import loads

    assert loads("nodes: [{id: a, type: llm, instruction: b}]").nodes[0].id == "a"


USES: Final[dict[str, Callable[[], None]]] = {
    use.__name__: use
    for use in (
        *(arrow, http2, httpx2, keyring, machine, mcp, otel),
        *(pandas, png, polars, postgres, progress, redis, socks, yaml),
    )
}
"""What each extra is for, in a function that needs it."""


@contextmanager
def _emulated(**options: Any) -> Generator[tuple[Fibonacci, str]]:
    """Yield a client of an emulator, and the identifier of the emulator's one workflow."""
    from fibonacci import Fibonacci

    definition = {"nodes": [{"id": "a", "type": "llm", "instruction": "b"}]}
    with Emulator() as emulator:
        with Fibonacci(emulator.api_key, base_url=emulator.base_url) as maker:
            workflow_id = maker.workflows.create(name="A", definition=definition).id
        with Fibonacci(emulator.api_key, base_url=emulator.base_url, max_retries=0, **options) as client:
            yield client, workflow_id


def _run_command(*arguments: str) -> None:
    from fibonacci.cli.main import main

    code = main(arguments)
    if code:
        raise AssertionError(f"the command ended with {code}")


def _check_health(respond: Callable[[socket.socket], None], **options: Any) -> None:
    with _listening(respond) as port, _client_of(f"http://127.0.0.1:{port}/v1", **options) as client:
        assert client.health.check().healthy


def _client_of(base_url: str, **options: Any) -> Fibonacci:
    from fibonacci import Fibonacci  # in the process of the use

    return Fibonacci("k" * 20, base_url=base_url, max_retries=0, **options)


@contextmanager
def _listening(respond: Callable[[socket.socket], None]) -> Generator[int]:
    """Yield the port of a server that responds on one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                respond(connection)

        Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def _read_header(connection: socket.socket, name: bytes) -> bytes:
    """Read a request without a body, and return one of its headers."""
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        received += connection.recv(4096)
    return received.lower().partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0]


def _respond(connection: socket.socket, body: bytes, headers: str = "") -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    connection.sendall(head.encode() + body)


def _respond_by_http2(connection: socket.socket) -> None:
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.events import StreamEnded

    h2 = H2Connection(H2Configuration(client_side=False))
    h2.initiate_connection()
    connection.sendall(h2.data_to_send())
    while received := connection.recv(4096):
        for event in h2.receive_data(received):
            if isinstance(event, StreamEnded):
                h2.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/json")])
                h2.send_data(event.stream_id, BODY, end_stream=True)
        connection.sendall(h2.data_to_send())


def trace_of(extra: str, refused: Sequence[str]) -> str:
    """Use an extra in a copy of this process, which has imported no client; return the traceback if that fails."""
    context = get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_use, args=(extra, refused, writer))
    process.start()
    writer.close()
    text: str = reader.recv()
    process.join()
    return text


def _use(extra: str, refused: Sequence[str], result: Connection) -> None:
    sys.meta_path.insert(0, RefusedModules(refused))
    try:
        USES[extra]()
    except BaseException:
        result.send(traceback.format_exc())
    else:
        result.send("")


def main() -> None:
    """Use the extras."""
    print(json.dumps([trace_of(extra, refused) for extra, refused in json.loads(Path(sys.argv[1]).read_text("utf-8"))]))


if __name__ == "__main__":
    main()
