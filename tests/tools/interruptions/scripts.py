"""What is interrupted: a call, a start, a wait, a list and a batch; and what has to be so afterwards."""

from __future__ import annotations

import gc
import itertools
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from fibonacci import Fibonacci, FibonacciError
from fibonacci.emulator import Emulator

ROWS = 3
TIMEOUT = 5.0
_SETTLED_WITHIN = 2.0
_DEFINITION = {"nodes": [{"id": "a", "type": "tool", "tool": "calculator", "params": {"expression": "1 + 1"}}]}


class Trial(NamedTuple):
    """One run of a script, with one fault.

    Attributes:
        place: Where: the file, the function and the text of the line; empty if the script has no such line.
        faults: What was not as it must be.
    """

    place: str
    faults: list[str]


class InterruptedClient:
    """A client whose calls are interrupted, and the emulator that it calls.

    Args:
        emulator: The emulator.
        folder: Where journals are.
    """

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.client = self._new_client()
        self.workflow: str = self.client.workflows.create(name="subject", definition=_DEFINITION).id
        self.execution: str = self.client.workflows.execute(self.workflow).id
        self._folder = folder
        self._numbers = itertools.count()
        self.journal = self._folder / "0"
        self.batch_workflow = ""  # of the last batch; empty if there was none

    def _new_client(self) -> Fibonacci:
        """Return a client that uses sockets."""
        return Fibonacci(self.emulator.api_key, base_url=self.emulator.base_url, timeout=TIMEOUT)

    def renew(self, script: str) -> None:
        """Begin anew with a client that no interrupt has met; for a batch with a workflow and a journal of its own."""
        shared_limits: Any = import_module("fibonacci._core.shared_limits")
        shared_limits._shared.clear()  # what a fault has left in use
        self.client.close()
        self.client = self._new_client()
        self.journal = self._folder / f"{next(self._numbers)}.journal"
        if script == "batch":
            self.batch_workflow = self.emulator.client().workflows.create(name="batch", definition=_DEFINITION).id

    def call(self) -> None:
        """Read a workflow."""
        self.client.workflows.get(self.workflow)

    def start(self) -> None:
        """Start an execution."""
        self.client.workflows.execute(self.workflow)

    def wait(self) -> None:
        """Wait for an execution."""
        self.client.executions.wait(self.execution)

    def pages(self) -> None:
        """List in several pages."""
        for _ in itertools.islice(self.client.executions.list(page_size=2), 5):
            pass

    def batch(self) -> None:
        """Run rows with a journal, and close it."""
        results = self.client.workflows.run_many(self.batch_workflow, rows(), journal=str(self.journal))
        try:
            for _ in results:
                pass
        finally:
            results.close()

    def faults(self) -> list[str]:
        """Return what is not as it must be when no call is under way."""
        found = self.use_of(self.client)
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            found.append("Ctrl-C is still taken by the batch")
            signal.signal(signal.SIGINT, signal.default_int_handler)
        with suppress(FibonacciError):
            self.call()
        try:
            self.call()
        except Exception as error:
            found.append(f"the next call fails: {error!r}")
        return [*found, *self.use_of(self.client), *self.journal_faults()]

    @staticmethod
    def use_of(client: Any) -> list[str]:
        """Return what counts as in use although no call of a client is under way."""
        shared = client._requestor._shared
        limits = shared.limits
        found: list[str] = []
        if limits is not None and (limits.in_flight or limits.queued):
            found.append(f"{limits.in_flight} in flight and {limits.queued} queued")
        if limits is not None and limits.pollers:
            found.append(f"{limits.pollers} calls count as waiting for an execution")
        if shared.waits:
            found.append("a call that has ended counts as one that waits")
        for transport in shared._made.values():
            pools = transport._pools.get().values()
            used = [(pool._capacity.in_use, len(pool._active)) for pool in pools]
            found += [f"{places} places and {active} connections in use" for places, active in used if places or active]
        return found

    def journal_faults(self) -> list[str]:
        """Return what the journal of the last batch lacks, and what its next run does wrong."""
        if not self.journal.exists():
            return []
        received = self._executions()
        lost = _when_settled(lambda: received - self._in_journal())
        if lost:
            return [f"the journal lacks {len(lost)} of {len(received)} ids that were received"]
        error = _when_settled(self._error_of_next_run)
        if error is not None:
            return [f"the next run fails: {error!r}"]
        received = self._executions()
        return [] if len(received) == ROWS else [f"{ROWS} rows have {len(received)} executions"]

    def _executions(self) -> set[str]:
        return {each.id for each in self.emulator.client().executions.list(workflow_id=self.batch_workflow)}

    def _in_journal(self) -> set[str]:
        address = f"file:{self.journal}?mode=ro"
        with suppress(sqlite3.Error), closing(sqlite3.connect(address, uri=True)) as connection:
            rows = connection.execute("SELECT execution_id FROM rows WHERE execution_id IS NOT NULL")
            return {execution_id for (execution_id,) in rows}
        return set()

    def _error_of_next_run(self) -> Exception | None:
        run_many = self.client.workflows.run_many
        try:
            with run_many(self.batch_workflow, rows(), journal=str(self.journal), if_unknown="rerun") as results:
                statuses = [result.status for result in results]
        except Exception as error:
            return error
        return None if statuses == ["completed"] * ROWS else ValueError(statuses)


T = TypeVar("T")


def _when_settled(find: Callable[[], T]) -> T:
    """Return what is found when a batch has ended that was interrupted in its close, where it waits no longer."""
    ends = time.monotonic() + _SETTLED_WITHIN
    while (found := find()) and time.monotonic() < ends:
        time.sleep(0.01)
    return found


def rows() -> list[dict[str, Any]]:
    return [{"id": f"row-{number}", "number": number} for number in range(ROWS)]


@contextmanager
def subject() -> Generator[InterruptedClient]:
    """Return a client that has done everything once, so that everything is imported."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs beside it without
    with Emulator(time="skip") as emulator, tempfile.TemporaryDirectory() as folder:
        made = InterruptedClient(emulator, Path(folder))
        for name, script in SCRIPTS.items():
            made.renew(name)
            script(made)
            assert made.faults() == []
        gc.collect()
        gc.freeze()  # so that a collection is about what a script has made
        try:
            yield made
        finally:
            gc.unfreeze()


SCRIPTS: dict[str, Callable[[InterruptedClient], None]] = {
    "call": InterruptedClient.call,
    "start": InterruptedClient.start,
    "wait": InterruptedClient.wait,
    "list": InterruptedClient.pages,
    "batch": InterruptedClient.batch,
}
