"""What a call is doing, and how long it has done each."""

from __future__ import annotations

from time import monotonic
from typing import Literal

Phase = Literal["queue", "dns", "connect", "proxy", "tls", "send", "wait", "body"]
"""What a transport does for a call.

`queue`: wait for a free connection. `dns`: look up the host's name. `connect`: connect to the host or the proxy.
`proxy`: have the proxy connect. `tls`: perform the TLS handshake. `send`: send the request. `wait`: wait for the head
of the response. `body`: read its body.
"""

#: The phases in which a request has reached the server, or may have.
SENT: frozenset[Phase | None] = frozenset({"send", "wait", "body", None})


class Phases:
    """The phases of a call, over all its attempts.

    Attributes:
        current: The phase that was entered last; None before the first.

    Example:
        ```python
        from fibonacci.transports import Phases

        phases = Phases()
        phases.enter("connect")
        phases.enter("wait")
        phases.stop()
        assert phases.current == "wait"
        assert set(phases.seconds) == {"connect", "wait"}
        ```
    """

    __slots__ = ("_began", "_seconds", "current")

    def __init__(self) -> None:
        self.current: Phase | None = None
        self._began: float | None = None
        self._seconds: dict[str, float] = {}

    def enter(self, phase: Phase | None) -> None:
        """Begin a phase; the one before it ends.

        Args:
            phase: The phase; None while it is not known.
        """
        now = monotonic()
        if self._began is not None and self.current is not None:
            self._seconds[self.current] = self._seconds.get(self.current, 0.0) + now - self._began
        self.current = phase
        self._began = now

    def stop(self) -> None:
        """End the present phase, which stays the `current` one."""
        if self.current is not None and self._began is not None:
            self.enter(self.current)
            self._began = None

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds of each phase that has ended, by its name."""
        return dict(self._seconds)
