# Derived from fibonacci/_async/senders/whole_body.py by tests/mirror.py; change that file, not this one.
"""The body of a request, for httpcore."""

from __future__ import annotations

from typing import Self


class WholeBody:
    """A body that is sent in one piece.

    It is no generator: one that is left before its end, as when sending fails, somebody else has to close later.
    """

    def __init__(self, body: bytes) -> None:
        self._pieces = [body] if body else []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if not self._pieces:
            raise StopIteration
        return self._pieces.pop()
