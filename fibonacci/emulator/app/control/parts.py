"""What a handler of the control API is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fibonacci.emulator.app.request_log import Requests
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.faults.injector import FaultInjector
from fibonacci.emulator.http.replies import Reply
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.emulator.state.tables import Record


class Decide(Protocol):
    """Approves or rejects a run in one person's name."""

    def __call__(self, execution_id: str, by: str, *, approve: bool) -> Record:
        """Return the execution."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an emulator that the control API reads and changes.

    Attributes:
        faults: The injected faults.
        requests: The recorded requests.
        clock: The emulator's time.
        decide: Approves or rejects a run.
        reset: Deletes everything.
    """

    faults: FaultInjector
    requests: Requests
    clock: VirtualClock
    decide: Decide
    reset: Callable[[], None]


ControlHandler = Callable[[Parts, RequestContext], Reply]
"""Validates everything first and changes something last, so that an error changes nothing."""
