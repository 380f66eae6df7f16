"""What a call is doing, and how long it has done each."""

from __future__ import annotations

from itertools import pairwise
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

    __slots__ = ("_entered", "current")

    def __init__(self) -> None:
        self.current: Phase | None = None
        self._entered: list[tuple[Phase | None, float]] = []

    def enter(self, phase: Phase | None) -> None:
        """Begin a phase; the one before it ends.

        Args:
            phase: The phase; None while it is not known.
        """
        self.current = phase
        self._entered.append((phase, monotonic()))

    def stop(self) -> None:
        """End the present phase, which stays the `current` one."""
        self._entered.append((None, monotonic()))

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds of each phase that has ended, by its name."""
        seconds: dict[str, float] = {}
        for (phase, began), (_, ended) in pairwise(self._entered):
            if phase is not None:
                seconds[phase] = seconds.get(phase, 0.0) + ended - began
        return seconds
