"""The body of a request, for httpcore."""

from __future__ import annotations

from typing import Self


class AsyncWholeBody:
    """A body that is sent in one piece.

    It is no generator: one that is left before its end, as when sending fails, somebody else has to close later.

    Attributes:
        is_begun: Whether it has been asked for: the head of its request has been sent then, and not before.
    """

    def __init__(self, body: bytes) -> None:
        self._pieces = [body] if body else []
        self.is_begun = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        self.is_begun = True
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop()
