"""Sockets under asyncio and trio. Written by hand, like its blocking twin.

A connection is a plain non-blocking socket, not a transport of the event loop. It can be dropped at any time, even if
its loop is closed, and a cancellation leaves no state behind.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import anyio

from fibonacci._async import _runtime
from fibonacci._core.messages import Deadline, Phases
from fibonacci._net.sockets import (
    GRACE,
    READ_SIZE,
    STAGGER,
    Address,
    ConnectionAttempts,
    connect_error,
    expect_acknowledgment,
    is_readable,
    known_addresses,
    new_socket,
    os_error,
    resolver,
)

T = TypeVar("T")


async def connect(host: str, port: int, deadline: Deadline, phases: Phases) -> SocketStream:
    """Connect to a host. When it has several addresses, they are raced (RFC 8305).

    Raises:
        OSError: If no address accepts.
        DeadlineExceeded: If none does in time.
    """
    loop = _event_loop()
    addresses = known_addresses(host, port) or await _resolve(host, port, deadline, phases)
    if not addresses:
        raise OSError(errno.EADDRNOTAVAIL, f"{host} has no address")
    phases.enter("connect")
    if len(addresses) == 1:
        deadline.require()
        connecting = _connect_to(loop, addresses[0])
        return SocketStream(await loop.within(deadline, connecting, f"no response from {addresses[0][4][0]}"), loop)
    race = _Race(loop, ConnectionAttempts(addresses))
    return SocketStream(await loop.within(deadline, race.run(), race.attempts), loop)


class SocketStream:
    """A plain socket.

    Attributes:
        bytes_sent: How many bytes the system has accepted to send, at most.
    """

    def __init__(self, sock: socket.socket, loop: _EventLoop) -> None:
        self._sock = sock
        self._loop = loop
        self._has_written = False
        self.bytes_sent: int = 0

    async def read(self, deadline: Deadline) -> bytes:
        """Read some bytes, or none at the end.

        A read that need not wait gives other tasks a turn, so that a peer that sends without end can't stop them.
        """
        deadline.require()
        if self._has_written:  # the next bytes have hardly arrived yet, so it costs less not to try
            self._has_written = False
        else:
            try:
                data = self._sock.recv(READ_SIZE)
            except (BlockingIOError, InterruptedError):
                pass
            else:
                await self._loop.checkpoint()
                return data
        return await self._loop.within(deadline, self._loop.receive(self._sock))

    async def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all bytes."""
        deadline.require()
        self._has_written = True
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        self.bytes_sent += sent
        if sent < len(data):
            rest = memoryview(data)[sent:]
            self.bytes_sent += len(rest)
            await self._loop.within(deadline, self._loop.send_all(self._sock, rest))
        elif sent > READ_SIZE:
            await self._loop.checkpoint()

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def is_readable(self) -> bool:
        """Whether data has been received, or the peer has closed."""
        return is_readable(self._sock)

    def expect_acknowledgment(self, seconds: float) -> None:
        """Have the connection end if the peer doesn't acknowledge what is sent. 0 for no bound."""
        expect_acknowledgment(self._sock, seconds)


class DeadlineTimer:
    """Ends what another library does for a call when its time is up, and has been for a moment."""

    async def run(self, deadline: Deadline, operation: Callable[[], Awaitable[T]], close: Callable[[], object]) -> T:
        """Return the result of an operation.

        Args:
            deadline: The end of the call.
            operation: The operation.
            close: What ends it in the other mode. Here it is canceled.

        Raises:
            DeadlineExceeded: If it hasn't ended in time.
        """
        seconds = deadline.remaining()
        return await _event_loop().within(Deadline(None if seconds is None else seconds + GRACE), operation())


class _Asyncio:
    def receive(self, sock: socket.socket) -> Awaitable[bytes]:
        return asyncio.get_running_loop().sock_recv(sock, READ_SIZE)

    def send_all(self, sock: socket.socket, data: memoryview) -> Awaitable[None]:
        return asyncio.get_running_loop().sock_sendall(sock, data)

    async def connect(self, sock: socket.socket, address: Any) -> None:
        try:
            await asyncio.get_running_loop().sock_connect(sock, address)
        except OSError as error:
            if error.errno is None or hasattr(error, "winerror"):
                raise
            # On Windows the text tells what happened, elsewhere the address alone.
            raise os_error(error.errno) from None

    def checkpoint(self) -> Awaitable[None]:
        return asyncio.sleep(0)

    async def within(self, deadline: Deadline, operation: Awaitable[T], detail: object = "") -> T:
        limit = asyncio.timeout(deadline.remaining())
        try:
            async with limit:
                return await operation
        except TimeoutError as error:
            if error.errno or not limit.expired():  # of the operating system, which gave up, or of a signal handler
                raise
            raise deadline.exceeded(str(detail)) from None


class _Trio:
    def __init__(self) -> None:
        import trio

        self._trio: Any = trio

    async def receive(self, sock: socket.socket) -> bytes:
        while True:
            await self._trio.lowlevel.wait_readable(sock)
            with suppress(BlockingIOError):
                return sock.recv(READ_SIZE)

    async def send_all(self, sock: socket.socket, data: memoryview) -> None:
        while data:
            await self._trio.lowlevel.wait_writable(sock)
            with suppress(BlockingIOError):
                data = data[sock.send(data) :]

    async def connect(self, sock: socket.socket, address: Any) -> None:
        try:
            sock.connect(address)
        except BlockingIOError:
            await self._trio.lowlevel.wait_writable(sock)
            if error := connect_error(sock):
                raise error from None

    def checkpoint(self) -> Awaitable[None]:
        checkpoint: Awaitable[None] = self._trio.lowlevel.checkpoint()
        return checkpoint

    async def within(self, deadline: Deadline, operation: Awaitable[T], detail: object = "") -> T:
        seconds = deadline.remaining()
        with self._trio.move_on_after(float("inf") if seconds is None else seconds):
            return await operation
        raise deadline.exceeded(str(detail))


_EventLoop = _Asyncio | _Trio


def _event_loop() -> _EventLoop:
    """Return the running event loop's adapter."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _Trio()
    return _Asyncio()


async def _resolve(host: str, port: int, deadline: Deadline, phases: Phases) -> Sequence[Address]:
    phases.enter("dns")
    deadline.require()
    lookup = resolver.lookup(host, port)
    ended = _runtime.WakeEvent()
    lookup.add_done_callback(ended.set)
    seconds = deadline.remaining()
    await ended.sleep(float("inf") if seconds is None else seconds)
    if not lookup.has_ended:
        raise deadline.exceeded("the name service did not respond")
    return lookup.result()


async def _connect_to(loop: _EventLoop, address: Address) -> socket.socket:
    sock = new_socket(address)
    try:
        sock.setblocking(False)
        await loop.connect(sock, address[4])
    except BaseException:
        sock.close()
        raise
    return sock


class _Race:
    """Connection attempts that overlap. The socket that is connected first wins, the others are closed."""

    def __init__(self, loop: _EventLoop, attempts: ConnectionAttempts) -> None:
        self._loop = loop
        self._winner: socket.socket | None = None
        self._has_failed = anyio.Event()
        self.attempts = attempts

    async def run(self) -> socket.socket:
        """Return the winner, or raise the error of the attempts if none wins."""
        try:
            async with anyio.create_task_group() as group:
                for address in self.attempts.order:
                    self._has_failed = anyio.Event()
                    group.start_soon(self._attempt, address, group.cancel_scope)
                    with anyio.move_on_after(STAGGER):
                        await self._has_failed.wait()
        except BaseException:
            if self._winner is not None:
                self._winner.close()
            raise
        if self._winner is None:
            raise self.attempts.error()
        return self._winner

    async def _attempt(self, address: Address, race: anyio.CancelScope) -> None:
        try:
            sock = await _connect_to(self._loop, address)
        except OSError as error:
            self.attempts.fail(address, error)
            self._has_failed.set()
            return
        if self._winner is None:
            self._winner = sock
            race.cancel()
        else:
            sock.close()
