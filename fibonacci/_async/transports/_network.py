"""Sockets under asyncio and trio. Written by hand, like its blocking twin.

A connection is a plain non-blocking socket, not a transport of the event loop: it can be dropped at any time, also when
its loop is closed, and a cancellation leaves no state behind.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from fibonacci._core.deadline import Deadline, DeadlineExceeded
from fibonacci._net.sockets import READ_SIZE, Address, QuietSocket, is_address, is_readable

T = TypeVar("T")


async def connect(host: str, port: int, deadline: Deadline) -> SocketStream:
    """Connect to the first address of a host that accepts.

    Raises:
        OSError: If none does.
        DeadlineExceeded: If none does in time.
    """
    loop = _event_loop()
    found = await _resolve(loop, host, port, deadline)
    if not found:
        raise OSError(f"{host} has no address")
    for remaining in range(len(found), 1, -1):
        try:
            return await _connect_to(loop, found[-remaining], deadline.split(remaining))
        except (OSError, DeadlineExceeded):
            pass  # the next address may accept
    return await _connect_to(loop, found[-1], deadline)


class SocketStream:
    """A plain socket.

    Attributes:
        bytes_sent: How many bytes the system has accepted to send, at most.
    """

    def __init__(self, sock: socket.socket, loop: EventLoop) -> None:
        self._sock = sock
        self._loop = loop
        self.bytes_sent: int = 0

    async def read(self, deadline: Deadline) -> bytes:
        """Read some bytes; return none at the end."""
        left = deadline.require()
        return await self._loop.within(left, self._loop.receive(self._sock))

    async def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all bytes."""
        left = deadline.require()
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        self.bytes_sent += sent
        if sent < len(data):
            rest = memoryview(data)[sent:]
            self.bytes_sent += len(rest)
            await self._loop.within(left, self._loop.send_all(self._sock, rest))

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def fileno(self) -> int:
        """Return the socket's descriptor; negative when it is closed."""
        return self._sock.fileno()

    def is_readable(self) -> bool:
        """Whether data has been received, or the peer has closed."""
        return is_readable(self._sock)


class EventLoop(Protocol):
    """How an event loop waits for sockets, for names and for a time limit."""

    def receive(self, sock: socket.socket) -> Awaitable[bytes]:
        """Read some bytes."""
        ...

    def send_all(self, sock: socket.socket, data: memoryview) -> Awaitable[None]:
        """Write all bytes."""
        ...

    def connect(self, sock: socket.socket, address: Any) -> Awaitable[None]:
        """Connect."""
        ...

    def getaddrinfo(self, host: str, port: int) -> Awaitable[Sequence[Address]]:
        """Return the addresses of a host."""
        ...

    async def within(self, seconds: float | None, operation: Awaitable[T]) -> T:
        """Return the result of an operation.

        Raises:
            DeadlineExceeded: If it takes more than so many seconds.
        """
        ...


class _Asyncio:
    def receive(self, sock: socket.socket) -> Awaitable[bytes]:
        return asyncio.get_running_loop().sock_recv(sock, READ_SIZE)

    def send_all(self, sock: socket.socket, data: memoryview) -> Awaitable[None]:
        return asyncio.get_running_loop().sock_sendall(sock, data)

    def connect(self, sock: socket.socket, address: Any) -> Awaitable[None]:
        return asyncio.get_running_loop().sock_connect(sock, address)

    def getaddrinfo(self, host: str, port: int) -> Awaitable[Sequence[Address]]:
        return asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)

    async def within(self, seconds: float | None, operation: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await operation
        except TimeoutError as error:
            if error.errno:  # the operating system gave up; the deadline has not passed
                raise
            raise DeadlineExceeded("the call's time is up") from None


class _Trio:
    def __init__(self) -> None:
        import trio

        self._trio: Any = trio

    async def receive(self, sock: socket.socket) -> bytes:
        while True:
            try:
                return sock.recv(READ_SIZE)
            except BlockingIOError:
                await self._trio.lowlevel.wait_readable(sock)

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
            if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, os.strerror(error)) from None

    async def getaddrinfo(self, host: str, port: int) -> Sequence[Address]:
        found: Sequence[Address] = await self._trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return found

    async def within(self, seconds: float | None, operation: Awaitable[T]) -> T:
        with self._trio.move_on_after(float("inf") if seconds is None else seconds):
            return await operation
        raise DeadlineExceeded("the call's time is up")


def _event_loop() -> EventLoop:
    """Return the running event loop's adapter."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _Trio()
    return _Asyncio()


async def _resolve(loop: EventLoop, host: str, port: int, deadline: Deadline) -> Sequence[Address]:
    if is_address(host):  # needs no name service, and so no thread
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    left = deadline.require()
    return await loop.within(left, loop.getaddrinfo(host, port))


async def _connect_to(loop: EventLoop, address: Address, deadline: Deadline) -> SocketStream:
    family, kind, protocol, _, target = address
    left = deadline.require()
    sock = QuietSocket(family, kind, protocol)  # fails where the system has no such family, such as IPv6
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.within(left, loop.connect(sock, target))
    except BaseException:
        sock.close()
        raise
    return SocketStream(sock, loop)
