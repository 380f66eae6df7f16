"""One row of a batch: its key, its inputs, and how far it has come."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from fibonacci._core.preparation import new_idempotency_key

if TYPE_CHECKING:
    from fibonacci.models.executions import Execution
    from fibonacci.models.run_results import RunAttempt


class Row:
    """One row under way.

    Args:
        index: Its place among the rows, from 0.
        key: Its key as a text, as journals have it.
        inputs: The inputs of its run; anything where they have no JSON form.
        text: The inputs as JSON with sorted keys. Where they have none: what a person can read of them, or None.
        is_sound: Whether the inputs have a JSON form.

    Attributes:
        number: Its number in the journal, from 1; 0 until it is there.
        idempotency_key: That of the request which starts it; empty while there is no intent to send one.
        intended_at: The Unix time of that intent, on the platform's clock.
        execution: The execution as last received; None before.
        execution_id: Its id; empty while it is not known.
        is_refused: Whether the request that starts it was certainly not carried out.
        is_recorded: Whether a worker has written that id, or that refusal, to the journal.
        deadline: When to stop waiting for it, in seconds on the monotonic clock; None for never.
        started_at: When its request was sent, on the monotonic clock.
        error: Why the outcome of its start is not known; None where it is.
        attempts: How many times its request was sent with the present idempotency key.
        version: The version of the workflow that its execution runs; None while that is not known.
        earlier: Its starts before the present one, in calls that have ended.
    """

    __slots__ = (
        *("attempts", "deadline", "earlier", "error", "execution", "execution_id", "idempotency_key", "index"),
        *("inputs", "intended_at", "is_recorded", "is_refused", "is_sound", "key", "number", "started_at", "text"),
        "version",
    )

    def __init__(self, index: int, key: str, inputs: Any, text: str | None, *, is_sound: bool = True) -> None:
        self.index: int = index
        self.key: str = key
        self.inputs: Any = inputs
        self.text: str | None = text
        self.is_sound: bool = is_sound
        self.number: int = 0
        self.idempotency_key: str = ""
        self.intended_at: float = 0.0
        self.execution: Execution | None = None
        self.execution_id: str = ""
        self.is_refused: bool = False
        self.is_recorded: bool = False
        self.deadline: float | None = None
        self.started_at: float = 0.0
        self.error: Exception | None = None
        self.attempts: int = 0
        self.version: str | None = None
        self.earlier: tuple[RunAttempt, ...] = ()

    @property
    def digest(self) -> bytes:
        """The digest of the inputs; empty where they have no JSON form."""
        return digest_of(self.text) if self.is_sound and self.text is not None else b""

    @property
    def is_uncertain(self) -> bool:
        """Whether a request with the present idempotency key may have been carried out."""
        return self.error is not None

    def begin(self, now: float, timeout: float | None) -> None:
        """Record that its request is sent, or that its execution is followed from now on.

        Args:
            now: Seconds on the monotonic clock.
            timeout: Seconds until the end of the wait for it; None for no limit.
        """
        self.started_at = now
        self.deadline = None if timeout is None else now + timeout

    def intend(self, now: float) -> None:
        """Give the row the key of a new request, which no request has had.

        Args:
            now: The Unix time on the platform's clock.
        """
        self.idempotency_key = new_idempotency_key()
        self.intended_at = now
        self.attempts = 0
        self.error = None
        self.is_refused = self.is_recorded = False

    def withdraw(self) -> None:
        """Take the intent back: the request was certainly not carried out, or is sent again at the user's word."""
        self.idempotency_key = ""
        self.error = None


def digest_of(text: str) -> bytes:
    """Return the digest of inputs in JSON with sorted keys."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
