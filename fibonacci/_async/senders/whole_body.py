"""The body of a request, for httpcore."""

from __future__ import annotations

from typing import Self


class AsyncWholeBody:
    """A body that is sent in one piece.

    It is no generator: one that is left before its end, as when sending fails, somebody else has to close later.
    """

    def __init__(self, body: bytes) -> None:
        self._pieces = [body] if body else []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop()
