"""What a handler of the control API is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fibonacci.emulator.account.account import Account
from fibonacci.emulator.account.auth import ApiKeys
from fibonacci.emulator.app.request_log import Requests
from fibonacci.emulator.app.retention import Retention
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.faults.injector import FaultInjector
from fibonacci.emulator.http.replies import Reply
from fibonacci.emulator.policy.approvals import Approvals
from fibonacci.emulator.state.clock import VirtualClock


@dataclass(frozen=True, slots=True)
class EmulatorParts:
    """The parts of an emulator that the control API reads and changes, beside what a request context has.

    Attributes:
        account: The plan and the rate limit.
        approvals: Decisions about runs that wait for approval.
        clock: The emulator's time.
        faults: The injected faults.
        keys: The accepted keys.
        requests: The recorded requests.
        reset: Deletes everything.
        restore: Replaces the state by that of a snapshot.
        retention: How many executions are kept.
        snapshot: Returns the complete state.
    """

    account: Account
    approvals: Approvals
    clock: VirtualClock
    faults: FaultInjector
    keys: ApiKeys
    requests: Requests
    reset: Callable[[], None]
    restore: Callable[[bytes], None]
    retention: Retention
    snapshot: Callable[[], bytes]


ControlHandler = Callable[[EmulatorParts, RequestContext], Reply]
"""Validates everything first and changes something last, so that an error changes nothing."""
