"""An emulator of a plan, on a clock that the batch shares."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from fibonacci import Fibonacci, RunResult, UnknownOutcomeError
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.option_values import PlanName, TimeMode
from tests.batch.shared_clock import SharedClock
from tests.batch.workflows import client_in_process
from tests.kit.mode import Mode
from tests.kit.nodes import tool

DEFINITION = {"nodes": [tool("rest", "wait", {"seconds": "{{input.seconds}}"})]}
EXECUTE = "POST /workflows/{workflow_id}/execute"


class LimitedPlatform:
    """An emulator of a plan, with a client on its clock.

    Args:
        mode: The mode of the client.
        emulator: The platform.
    """

    def __init__(self, mode: Mode, emulator: Emulator) -> None:
        self.mode = mode
        self.emulator = emulator
        self.clock = SharedClock(emulator)
        self.owner: Fibonacci = emulator.client(rate_limiter="off")
        self.workflow: str = self.owner.workflows.create(name="rester", definition=DEFINITION).id
        self.client: Any = self.client_with()
        emulator.requests.clear()

    def client_with(self, **options: Any) -> Any:
        """Make a client in process, with options."""
        return client_in_process(self.mode, self.emulator, clock=self.clock, **options)

    def runs(self, seconds: list[float], **options: Any) -> Any:
        return self.client.workflows.run_many(self.workflow, [{"seconds": each} for each in seconds], **options)

    def run(self, runs: Any) -> list[RunResult]:
        found: list[RunResult] = []
        self.mode.each(runs, found.append)
        return found

    def run_with_unknown(self, runs: Any) -> list[RunResult]:
        """Return the results of rows, some of which may be of unknown outcome."""
        found: list[RunResult] = []
        with suppress(UnknownOutcomeError):
            self.mode.each(runs, found.append)
        return found

    def count(self, route: str, status: int | None = None) -> int:
        """Return how many requests there were to an endpoint, all or those with a status."""
        requests = self.emulator.requests.to(route)
        return sum(status in (None, each.status) for each in requests)

    def most_running(self) -> list[int]:
        """Return a list to which the number of running executions is added at each change."""
        seen: list[int] = []
        app = app_of(self.emulator)

        def count(*_: object) -> None:
            seen.append(app.store.executions.count("running"))

        app.observers.append(count)
        return seen


def platform(
    mode: Mode,
    plan: PlanName = "enterprise",
    time: TimeMode = "real",
    rate_limit: tuple[int, float] | None = None,
    **quota: int,
) -> LimitedPlatform:
    """Return a platform of a plan, of whose quota some values are others."""
    here = LimitedPlatform(mode, Emulator(plan=plan, keep=None, time=time, rate_limit=rate_limit))
    if quota:
        here.owner.organizations.quota.update("default", **quota)
        here.emulator.requests.clear()
    return here
