"""What a process says to the store of a shared window, and what the store answers."""

from __future__ import annotations

from typing import NamedTuple


class StoreError(Exception):
    """The store cannot be used; the text names it and the reason, without a password.

    Args:
        text: The text.
        is_lasting: Whether waiting does not help, as when a password is wrong.
    """

    def __init__(self, text: str, *, is_lasting: bool = False) -> None:
        super().__init__(text)
        self.is_lasting: bool = is_lasting


class LeaseEnd(NamedTuple):
    """The end of a request, or of a wait for one.

    Attributes:
        name: Its lease.
        at: When it was admitted, in seconds of the store; 0 when it was not.
        age: Seconds since its response.
        has_passed: Whether the response shows that requests are admitted.
        pause: Seconds for which all requests have to wait; 0 for none.
        limit: The limit that the response states; 0 when it states none.
        remaining: The requests that are left.
        reset: The end of the window in Unix seconds.
        server_time: The `Date` of the response in Unix seconds.
    """

    name: str
    at: float = 0.0
    age: float = 0.0
    has_passed: bool = False
    pause: float = 0.0
    limit: int = 0
    remaining: int = 0
    reset: float = 0.0
    server_time: float = 0.0


class LeaseMessage(NamedTuple):
    """What a process tells the store, and asks of it. The same message twice does no harm.

    Attributes:
        epoch: The store's name for its state, as the process knows it; empty for a new process.
        is_reset: Whether to forget what the server stated.
        held: The leases of the process with their times, when the state was lost.
        delay: Seconds for which it was told that no request is admitted, when the state was lost.
        ended: What has ended.
        wanted: The names of the leases that its queued calls need, in their order.
    """

    epoch: str
    is_reset: bool
    held: list[tuple[str, float]]
    delay: float
    ended: list[LeaseEnd]
    wanted: list[str]


class LeaseReply(NamedTuple):
    """What the store answers.

    Attributes:
        epoch: Its name for its state. When it is not the one in the message, nothing was done: the state was lost, and
            the process has to say what it holds.
        granted: The leases that were granted, with their times.
        delay: Seconds until the rest can be granted; negative when nothing is wanted.
        is_fixed: Whether only time ends the delay.
        limit: The requests that the plan allows in a window; 0 when not known.
        left: The requests that may still be sent; negative when not known.
        ends_in: Seconds until the end of the window; negative when not known.
    """

    epoch: str
    granted: list[tuple[str, float]]
    delay: float
    is_fixed: bool
    limit: int
    left: int
    ends_in: float
