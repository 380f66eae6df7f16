"""A window that processes share: what each process tells the store of the window, and what the store replies.

Nothing here waits: the thread in `_net/stored_limits.py` carries the messages to the store and the replies back.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fibonacci._core.shared_limits import SharedLimits, StoreError
from fibonacci._core.window import LONGEST_WAIT, Delay, Statement, Window

# The most requests that a process asks for at a time, so that it doesn't take a whole window.
_MOST_WANTED = 8
# Seconds until the process asks again. Another process may reset the rate limit while only time ends the delay. If the
# response to another request may end it, the process asks more often.
_FIXED_POLL = 2.0
_POLL = 0.1
# Seconds within which waiting processes ask when a window begins. Those that have waited longest ask first.
_TURNS = 0.2
# Seconds after which a call that waits for the store's reply looks again.
_REPLY_DELAY = 0.5
# Seconds for which the end of a request waits for another message to go with. Mostly that is the next request's.
_LINGER = 0.005
_NEVER = float("-inf")


class WindowMessage(NamedTuple):
    """What a process tells the store, and asks for. A lost message does no harm: the next response states more.

    Attributes:
        operations: Names of methods of the window with their arguments, which have times on the store's clock.
        wanted: How many requests are to be sent.
    """

    operations: list[list[Any]]
    wanted: int


class WindowReply(NamedTuple):
    """What the store replies.

    Attributes:
        at: The time on its clock, by which it knows the granted requests.
        granted: How many requests may be sent.
        state: The attributes of the window.
    """

    at: float
    granted: int
    state: dict[str, Any]


def exchange(window: Window, message: WindowMessage, now: float) -> WindowReply:
    """Carry out a message in the store. `_net/redis_window.lua` does the same."""
    for name, *arguments in message.operations:
        getattr(window, name)(*arguments)
    granted = 0
    while granted < message.wanted and window.delay(now) is None:
        window.add(now)
        granted += 1
    return WindowReply(now, granted, vars(window))


class StoredWindow(Window):
    """A window that a store keeps, as the last reply described it.

    Attributes:
        granted: The times of the granted requests that no call has taken.
        untold: The operations that the store doesn't know of.
        ask_at: When to ask the store for requests again.
    """

    def __init__(self) -> None:
        self.granted: list[float] = []
        self.untold: list[list[Any]] = []
        self._served_at = _NEVER
        self._ahead = 0.0  # seconds by which the store's clock is ahead
        super().__init__(is_shared=True)
        self.untold.clear()

    def forget(self) -> None:
        """Forget what the server stated, in all processes."""
        super().forget()
        self.untold.append(["forget"])
        self.ask_at = _NEVER

    def remaining_at(self, now: float) -> tuple[float, int] | None:
        """Return the seconds and the requests left, or None if they aren't known."""
        return super().remaining_at(now + self._ahead)

    def delay(self, now: float) -> Delay | None:
        """Return None if a request is granted, or else the delay as of the last reply, or until the next reply."""
        if self.granted:
            return None
        # The calls that wait for a reply all look again at the same time.
        return super().delay(now + self._ahead) or Delay(_REPLY_DELAY - now % _REPLY_DELAY, is_fixed=False)

    def add(self, now: float) -> float:
        """Take a granted request. If a signal handler has just taken the last one, one request too many is sent."""
        return self.granted.pop() if self.granted else now + self._ahead

    def end(self, sent: float, now: float, stated: Statement | None) -> None:
        """Have the store told of the end of a request."""
        self.untold.append(["end", sent, now + self._ahead, stated])

    def pause(self, now: float, seconds: float) -> None:
        """Delay all requests of all processes."""
        super().pause(now + self._ahead, seconds)
        self.untold.append(["pause", now + self._ahead, seconds])

    def take_in(self, message: WindowMessage, reply: WindowReply, now: float) -> None:
        """Take in the reply to a message."""
        del self.untold[: len(message.operations)]
        self.granted += [reply.at] * reply.granted
        self._ahead = reply.at - now
        vars(self).update(reply.state)
        if reply.granted or not message.wanted:
            self._served_at = now
        delay = super().delay(reply.at)
        if delay is None:
            self.ask_at = now
            return
        turn = _TURNS * max(0.0, 1 - (now + delay.seconds - self._served_at) / LONGEST_WAIT)
        self.ask_at = now + min(delay.seconds + turn, _FIXED_POLL if delay.is_fixed else _POLL)


class StoredLimits(SharedLimits):
    """The limits of one API key whose window a store keeps. Whoever has a store implements `_notify`."""

    def __init__(self) -> None:
        self._stored = StoredWindow()
        super().__init__(window=self._stored)

    def schedule(self, now: float) -> float | None:
        """Return the seconds until the next message is due. None if there is nothing to tell or to ask."""
        with self._lock:
            seconds = [max(0.0, self._stored.ask_at - now)] if self._queue else []
            seconds += [_LINGER] if self._stored.untold else []
            return min(seconds, default=None)

    def message(self) -> WindowMessage:
        """Return the next message to the store."""
        with self._lock:
            return WindowMessage(list(self._stored.untold), min(len(self._queue), _MOST_WANTED))

    def receive(self, message: WindowMessage, reply: WindowReply, now: float) -> None:
        """Take in the reply to a message, and admit the calls to which it grants requests."""
        with self._lock:
            self.failure = None
            self._stored.take_in(message, reply, now)
            self._admit_queued(now)
            while self._stored.granted:  # for calls that have gone
                self._stored.end(self._stored.granted.pop(), now, None)

    def fail(self, failure: StoreError) -> None:
        """Record why the store can't be used, and wake the calls that wait: they raise an error, or wait for it."""
        with self._lock:
            self.failure = failure
            if not self._queue:
                self._stored.untold.clear()  # nobody waits for the store, and the next response states more
            self._wake_all()
