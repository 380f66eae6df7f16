"""The application on a socket: one thread that accepts and reads, and a bounded number that handle requests."""

from __future__ import annotations

import logging
import selectors
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from fibonacci._logging import log
from fibonacci.emulator.serving.connection import Application, ServerConnection, Stage

_THREAD_NAME: Final = "fibonacci-emulator"
_EVICTED: Final[tuple[Stage, ...]] = ("closing", "head", "idle", "sending")
"""The stages at which a connection may be closed for another one, the first of these first."""

_RETRY: Final = 0.05
"""Seconds between two attempts, where the system has no thread or no file descriptor left."""

_NEXT: Final = 0.02
"""Seconds for which a thread waits for the next request of its connection: often it takes less than giving it back."""

_SPARE: Final = 1.0
"""Seconds for which a thread waits for another connection."""

_log: Final = logging.getLogger("fibonacci.emulator")


@dataclass(frozen=True, slots=True)
class ServerBounds:
    """What the clients of one server may take up.

    Attributes:
        connections: The largest number of connections. For a further one the oldest is closed of those that have sent
            no complete request, else of those between two requests, else of those that read a response. If all are at
            work, it waits to be accepted.
        threads: The largest number of threads that handle requests. Further requests wait for one.
        idle: Seconds between two requests of a connection.
        head: Seconds in which the head of a request must arrive, on a new connection counted from its beginning.
        body: Seconds in which its body arrives.
        sending: Seconds in which the client reads the response.
        closing: Seconds that a client has to close, after the last response.
    """

    connections: int = 500 if sys.platform == "win32" else 1_000  # select() takes 512 there
    threads: int = 256
    idle: float = 120.0
    head: float = 30.0
    body: float = 300.0
    sending: float = 300.0
    closing: float = 5.0

    def seconds(self, stage: Stage) -> float:
        """Return how long a connection may be at a stage at which it waits for its client."""
        limits = {"idle": self.idle, "head": self.head, "body": self.body, "sending": self.sending}
        return limits.get(stage, self.closing)


DEFAULT_BOUNDS: Final = ServerBounds()


class SocketServer:
    """Listens from construction until `close`.

    Args:
        app: The application.
        host: The address.
        port: The port. 0 for a free one.
        bounds: What its clients may take up.
        clock: Returns the seconds of a clock that never goes back.

    Raises:
        OSError: If the address cannot be used.
        RuntimeError: If the system has no thread left. Nothing listens then.
    """

    def __init__(
        self,
        app: Application,
        host: str,
        port: int,
        bounds: ServerBounds = DEFAULT_BOUNDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._clock = clock
        self._bounds = bounds
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=1024)
        self._listener.setblocking(False)  # the client may have closed before its connection is accepted
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._closing = threading.Event()
        # Of the reader alone. Those that wait for their client, by stage and in order of their deadlines:
        self._waiting: dict[Stage, dict[ServerConnection, float]] = {stage: {} for stage in (*_EVICTED, "body")}
        self._count = 0
        self._listens = False
        # Shared with the threads that handle requests:
        self._returned: deque[ServerConnection] = deque()
        self._changed = threading.Condition()
        self._ready: deque[ServerConnection] = deque()
        self._handled: set[ServerConnection] = set()
        self._threads: list[threading.Thread] = []
        self._working = 0
        self._spare = 0
        self._reader = threading.Thread(target=self._read, name=_THREAD_NAME, daemon=True)
        try:
            self._reader.start()
        except BaseException:
            self._close_sockets()
            raise

    @property
    def port(self) -> int:
        """The port."""
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        """Stop listening, close all connections, and join all threads."""
        self._closing.set()
        self._wake()
        self._reader.join()
        with self._changed:
            self._changed.notify_all()
            for connection in self._handled:
                connection.interrupt()
        for thread in self._threads:
            thread.join()
        for connection in (*self._ready, *self._returned):
            connection.close()
        self._close_sockets()

    def _close_sockets(self) -> None:
        for sock in (self._listener, self._wake_reader, self._wake_writer):
            sock.close()

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # it is woken already
            self._wake_writer.send(b"x")

    def _read(self) -> None:
        """Accept connections and read requests, until the server closes."""
        with selectors.DefaultSelector() as selector:
            self._selector = selector
            selector.register(self._wake_reader, selectors.EVENT_READ)
            try:
                while not self._closing.is_set():
                    self._listen()
                    for key, _ in selector.select(self._seconds_to_deadline()):
                        if isinstance(key.fileobj, ServerConnection):
                            self._proceed(key.fileobj)
                        elif key.fileobj is self._listener:
                            self._accept()
                        else:
                            self._take_back()
                    self._expire()
                    if self._ready and not self._working:
                        self._employ()
            finally:
                for waiting in self._waiting.values():
                    for connection in waiting:
                        connection.close()

    def _listen(self) -> None:
        """Listen if there is room for a connection, or can be made."""
        has_room = self._count < self._bounds.connections or any(map(self._waiting.get, _EVICTED))
        if has_room and not self._listens:
            self._selector.register(self._listener, selectors.EVENT_READ)
        elif self._listens and not has_room:
            self._selector.unregister(self._listener)
        self._listens = has_room

    def _accept(self) -> None:
        if self._count >= self._bounds.connections:
            self._evict()
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):  # the client closed before its connection was accepted
            return
        except OSError:  # no file descriptor is left
            if not self._evict():
                self._closing.wait(_RETRY)
            return
        self._count += 1
        self._await(ServerConnection(sock, self._app, self._closing))

    def _evict(self) -> bool:
        """Close the connection that has waited longest, and return whether there is one."""
        for stage in _EVICTED:
            for connection in self._waiting[stage]:
                self._leave(connection, stage)
                self._close(connection)
                return True
        return False

    def _proceed(self, connection: ServerConnection) -> None:
        """Read what a client has sent, or send what it has room for."""
        stage = connection.stage
        if connection not in self._waiting.get(stage, ()):
            return  # it was evicted in this turn
        try:
            connection.proceed()
        except Exception:  # the other connections go on
            log(_log, logging.ERROR, "a request could not be read", with_exception=True)
            connection.stage = "closed"
        if connection.stage != stage:
            self._leave(connection, stage)
            self._settle(connection)

    def _expire(self) -> None:
        """End what connections wait for beyond its time."""
        now = self._clock()
        for stage, waiting in self._waiting.items():
            while waiting and next(iter(waiting.values())) <= now:
                connection = next(iter(waiting))
                self._leave(connection, stage)
                connection.expire()
                self._settle(connection)

    def _seconds_to_deadline(self) -> float | None:
        """Return how long there is nothing to do if no client sends anything."""
        deadlines = [next(iter(waiting.values())) for waiting in self._waiting.values() if waiting]
        seconds = None if not deadlines else max(min(deadlines) - self._clock(), 0)
        if self._ready and not self._working:  # no thread could be started
            return _RETRY if seconds is None else min(seconds, _RETRY)
        return seconds

    def _take_back(self) -> None:
        """Wait for the clients of the connections whose request was handled."""
        with suppress(BlockingIOError):
            self._wake_reader.recv(4096)
        while self._returned:
            self._settle(self._returned.popleft())

    def _settle(self, connection: ServerConnection) -> None:
        """Do with a connection that is not waited for what its stage requires."""
        if connection.stage == "ready":
            self._hand_over(connection)
        elif connection.stage == "closed":
            self._close(connection)
        else:
            self._await(connection)

    def _await(self, connection: ServerConnection) -> None:
        is_sending = connection.stage == "sending"
        self._selector.register(connection, selectors.EVENT_WRITE if is_sending else selectors.EVENT_READ)
        self._waiting[connection.stage][connection] = self._clock() + self._bounds.seconds(connection.stage)

    def _leave(self, connection: ServerConnection, stage: Stage) -> None:
        """Wait for a client no more."""
        del self._waiting[stage][connection]
        self._selector.unregister(connection)

    def _close(self, connection: ServerConnection) -> None:
        connection.close()
        self._count -= 1

    def _hand_over(self, connection: ServerConnection) -> None:
        """Give a connection whose request is complete to a thread, or let it wait for one."""
        with self._changed:
            self._ready.append(connection)
        self._employ()

    def _employ(self) -> None:
        """Wake or start a thread for what is ready, unless all are at work or the system has none left."""
        with self._changed:
            if self._spare >= len(self._ready):
                self._changed.notify()
            elif self._working < self._bounds.threads:
                thread = threading.Thread(target=self._work, name=_THREAD_NAME, daemon=True)
                with suppress(RuntimeError):  # the system has no thread left
                    thread.start()
                    self._working += 1
                    self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]

    def _work(self) -> None:
        """Handle requests until there are none for a while."""
        while (connection := self._next_ready()) is not None:
            try:
                self._serve(connection)
            except BaseException:
                connection.stage = "closed"
                with self._changed:
                    self._working -= 1
                raise
            finally:
                self._give_back(connection)

    def _next_ready(self) -> ServerConnection | None:
        with self._changed:
            self._spare += 1
            self._changed.wait_for(lambda: self._ready or self._closing.is_set(), _SPARE)
            self._spare -= 1
            if not self._ready or self._closing.is_set():
                self._working -= 1
                return None
            connection = self._ready.popleft()
            self._handled.add(connection)
            return connection

    def _serve(self, connection: ServerConnection) -> None:
        """Handle the requests of a connection, one after the other until it is another's turn."""
        connection.respond(0 if self._ready else _NEXT)
        while connection.stage == "ready" and not self._ready:
            connection.respond(_NEXT)

    def _give_back(self, connection: ServerConnection) -> None:
        """Let the reader wait for the next request of a connection."""
        with self._changed:
            self._handled.discard(connection)
            if connection.stage == "closed":
                connection.close()
        self._returned.append(connection)
        self._wake()
