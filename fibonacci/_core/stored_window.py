"""A window that processes share, as one of them sees it: what it tells the store of the window, and what it is told.

Nothing here waits: the thread in `_net/stored_limits.py` carries the messages to the store and its replies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fibonacci._core.retry import Attempt, Retry
from fibonacci._core.shared_limits import QueuedCall, SharedLimits, StoreError
from fibonacci._core.window import LONGEST_WAIT, Admission, Delay, Statement, Window

# How many requests are asked for at a time, so that no process takes a window to itself.
_MOST_WANTED = 16
# Seconds until the store is asked again: where only time ends the delay, so that a reset by another process is noticed,
# and where the response to another request may end it: the first time, and at most.
_FIXED_POLL = 2.0
_FIRST_POLL, _LONGEST_POLL = 0.01, 0.5
# Seconds within which the processes that wait ask when a window begins: those that have waited longest ask first.
_TURNS = 0.2
# Seconds after which a call that waits for a reply looks again.
_LOOK = 0.5
# Seconds for which the end of a request waits for another message to go with; mostly that is the next request's.
_LINGER = 0.005
_NEVER = float("-inf")


class EndedRequest(NamedTuple):
    """The end of a request.

    Attributes:
        sent: Its time, as the store has stated it.
        age: Seconds since its response, or when that was received in seconds of this process until it is told.
        has_passed: Whether its response shows that requests are admitted.
        stated: What its response states.
        pause: Seconds for which all requests have to wait.
    """

    sent: float
    age: float
    has_passed: bool = False
    stated: Statement | None = None
    pause: float = 0.0


class WindowMessage(NamedTuple):
    """What a process tells the store, and asks of it. One that is lost does no harm: the next response states more.

    Attributes:
        is_reset: Whether to forget what the server stated.
        ended: What has ended.
        wanted: How many requests are to be sent.
    """

    is_reset: bool
    ended: list[EndedRequest]
    wanted: int


class WindowReply(NamedTuple):
    """What the store answers.

    Attributes:
        granted: How many requests may be sent.
        at: Their time, by which the store knows them.
        delay: Seconds until more may be sent. 0 if no more are wanted.
        is_fixed: Whether only time ends the delay.
        limit: The requests that the plan allows in a window. 0 if not known.
        left: The requests that may still be sent. Negative if not known.
        ends_in: Seconds until the end of the window. Negative if not known.
    """

    granted: int
    at: float
    delay: float
    is_fixed: bool
    limit: int
    left: int
    ends_in: float


def exchange(window: Window, message: WindowMessage, now: float) -> WindowReply:
    """Carry out a message in the store. `_net/redis_window.lua` does the same."""
    if message.is_reset:
        window.forget()
    for ended in message.ended:
        window.end(ended.sent, now - ended.age, ended.stated, has_passed=ended.has_passed)
        window.pause(now - ended.age, ended.pause)
    granted, delay = 0, None
    while granted < message.wanted and (delay := window.delay(now)) is None:
        window.add(now)
        granted += 1
    seconds, is_fixed = delay or (0.0, False)
    ends_in, left = window.remaining_at(now) or (-1.0, -1)
    return WindowReply(granted, now, seconds, is_fixed, window.limit, left, ends_in)


class StoredWindow(Window):
    """What this process knows of a window that a store keeps: what the last reply has said of it.

    Attributes:
        granted: The times of the requests that the store has granted, until they are admitted.
        ended: What has ended and isn't told.
        is_reset: Whether the window is to be forgotten.
        ask_at: When to ask for requests again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.granted: list[float] = []
        self.ended: list[EndedRequest] = []
        self.is_reset: bool = False

    def forget(self) -> None:
        """Forget what the server stated, in all processes."""
        super().forget()
        self._delay_ends = self._served_at = self.ask_at = _NEVER
        self._is_fixed = False
        self._poll = _FIRST_POLL
        self.is_reset = True

    def delay(self, now: float) -> Delay | None:
        """Return None when a request is granted, else the delay by the last reply, or until the next one."""
        if self.granted:
            return None
        seconds = self._delay_ends - now
        # Of those that wait for a reply, all look at the same times: they wake each other.
        return Delay(seconds, self._is_fixed) if seconds > 0 else Delay(_LOOK - now % _LOOK, is_fixed=False)

    def add(self, now: float) -> float:
        """Use what was granted. A signal's handler may just have taken the last: that makes one request more."""
        return self.granted.pop() if self.granted else 0.0

    def end(self, sent: float, now: float, stated: Statement | None, *, has_passed: bool) -> None:
        """Have the end of a request told to the store."""
        self.ended.append(EndedRequest(sent, now, has_passed, stated))

    def pause(self, now: float, seconds: float) -> None:
        """Delay all requests of all processes."""
        self.ended.append(EndedRequest(0.0, now, pause=seconds))
        self._delay_ends, self._is_fixed = max(self._delay_ends, now + seconds), True

    def message(self, now: float, wanted: int) -> WindowMessage:
        """Return the next message. `take_in` follows when its reply comes."""
        return WindowMessage(self.is_reset, [each._replace(age=now - each.age) for each in self.ended], wanted)

    def take_in(self, message: WindowMessage, reply: WindowReply, now: float) -> None:
        """Take in the reply to a message."""
        self.is_reset = self.is_reset and not message.is_reset
        del self.ended[: len(message.ended)]
        self.granted += [reply.at] * reply.granted
        self._delay_ends, self._is_fixed = now + reply.delay, reply.is_fixed
        self.limit, self.remaining = reply.limit, None if reply.left < 0 else reply.left
        self.ends = now + reply.ends_in
        self._served_at = now if reply.granted or not message.wanted else self._served_at
        turn = _TURNS * max(0.0, 1 - (now + reply.delay - self._served_at) / LONGEST_WAIT)
        fixed_poll = _FIXED_POLL if reply.delay > _FIXED_POLL else reply.delay + turn
        self.ask_at = now + (fixed_poll if reply.is_fixed else min(reply.delay, self._poll))
        self._poll = _FIRST_POLL if reply.granted else min(_LONGEST_POLL, self._poll * 2)


class StoredLimits(SharedLimits):
    """The limits of one API key whose window a store keeps. Safe to use from many threads and event loops.

    Args:
        notify: Called when there may be something to tell the store. It must not block.
    """

    def __init__(self, notify: Callable[[], object]) -> None:
        self._notify = notify
        self._stored = StoredWindow()
        super().__init__(window=self._stored)

    def queue(self, call: QueuedCall, now: float) -> Delay | None:
        """Queue a call, as other limits do, and have the store asked for it."""
        is_new = call not in self._queue
        delay = super().queue(call, now)
        if is_new and delay is not None:
            self._notify()
        return delay

    def settle(self, admission: Admission, attempt: Attempt | None, now: float) -> Retry | None:
        """Record the end of a request, and have it told to the store."""
        retry = super().settle(admission, attempt, now)
        if self._stored.ended:
            self._notify()
        return retry

    def reset(self, now: float) -> None:
        """Forget what the server stated, in all processes, and wake all calls that wait."""
        super().reset(now)
        self._notify()

    def schedule(self, now: float) -> float | None:
        """Return the seconds until the next message is to be sent, and None when there is none."""
        with self._lock:
            if self._stored.is_reset:
                return 0.0
            times = [self._stored.ask_at] if self._queue else []
            times += [each.age + _LINGER for each in self._stored.ended[:1]]
            return max(0.0, min(times) - now) if times else None

    def message(self, now: float) -> WindowMessage:
        """Return the next message to the store."""
        with self._lock:
            return self._stored.message(now, min(len(self._queue), _MOST_WANTED))

    def receive(self, message: WindowMessage, reply: WindowReply, now: float) -> None:
        """Take in the reply to a message, and admit the calls that it grants a request."""
        with self._lock:
            self.failure = None
            self._stored.take_in(message, reply, now)
            self._admit_queued(now)
            while self._stored.granted:  # for calls that have gone
                self._stored.end(self._stored.granted.pop(), now, None, has_passed=False)

    def fail(self, failure: StoreError) -> None:
        """Record why the store can't be used, and let the calls that wait look at it."""
        with self._lock:
            self.failure = failure
            if not self._queue:
                self._stored.ended.clear()  # nobody waits for it, and the next response states more
            for call in self._waiting():
                call.wake()
