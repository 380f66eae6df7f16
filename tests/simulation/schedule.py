"""One schedule: a batch on a network that fails, in processes that are killed, and what the platform has of it."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from fibonacci import FibonacciError, JournalError, RateLimitError, RunResult, UnknownOutcomeError
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade.emulator import app_of
from tests.simulation.conditions import MOST_PROCESSES, Conditions
from tests.simulation.event_loop import SimulatedEventLoop
from tests.simulation.platform import Fate, Network, SimulatedExchange, SimulatedPlatform, even

_MOST_TURNS = 200_000  # the most that were seen are 31,000
_DEFINITION = {"nodes": [{"id": "rest", "type": "tool", "tool": "wait", "params": {"seconds": "{{input.seconds}}"}}]}
_FAULTS: tuple[Fate, ...] = ("refused", "request_lost", "response_lost", "reset", "bad_gateway")
_MEMORY = Path("/dev/shm")  # where a sync to the disk takes no time
_ENDED = ("completed", "failed", "unknown")
_LONGEST_REQUEST = 2.0  # seconds; a response may take far longer
_LATE = 1.0
_HEALTHY_FROM = 8  # nothing fails any more, so that the batch ends


@dataclass
class Outcome:
    """What came of a schedule.

    Attributes:
        results: The result of each row, by index.
        executions: The ids of the executions with the same inputs, as the platform has them.
        versions: The version that each execution runs, by its id.
        most_running: How many executions ran at a time.
        exchanges: Every request of the batch.
        open_at_kills: How many requests were on their way when a process was killed, of all kills.
        intended: The keys of the rows that were going to be started, and without a response, when a process was killed.
        kills: How many processes were killed.
        processes: How many processes there were.
        seconds: How long it took.
        turns: How many turns the event loop made.
    """

    results: dict[int, RunResult] = field(default_factory=dict[int, RunResult])
    executions: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    versions: dict[str, str] = field(default_factory=dict[str, str])
    most_running: int = 0
    exchanges: list[SimulatedExchange] = field(default_factory=list[SimulatedExchange])
    open_at_kills: int = 0
    intended: set[str] = field(default_factory=set[str])
    kills: int = 0
    processes: int = 0
    seconds: float = 0.0
    turns: int = 0


class Schedule:
    """A batch that runs until every row has its result, in one process after the other.

    Args:
        seed: Determines everything.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.conditions = Conditions.drawn(self._random, Random(f"more of {seed}"))
        self._loop = SimulatedEventLoop(self._random, _MOST_TURNS)
        limit = self.conditions.limit, self.conditions.window
        emulator = Emulator(time="manual", plan="pro", keep=None, rate_limit=limit)
        self._platform = SimulatedPlatform(self._loop, emulator, honors_keys=self.conditions.honors_keys)
        self._outsider = self._platform.emulator.client(max_retries=0, rate_limiter="off")
        self._workflow = self._outsider.workflows.create(name="simulated", definition=_DEFINITION).id
        self._is_healthy = False
        self._was_searched = False  # for the rows of unknown outcome, to the end: the others are left out then
        self._is_new_version_accepted = False
        app_of(emulator).observers.append(self._count_running)
        self._outcome = Outcome(exchanges=self._platform.exchanges)

    def run(self) -> Outcome:
        """Run it to the end."""
        state = random.getstate()
        random.seed(self._random.random())  # the jitter of retries
        try:
            with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.exists() else None) as folder:
                try:
                    self._run_processes(Path(folder))
                finally:
                    self._loop.end()  # closes the journals, without which Windows does not remove the folder
        finally:
            random.setstate(state)
        self._outcome.seconds, self._outcome.turns = self._loop.time(), self._loop.turns
        self._outcome.executions = self._recorded()
        return self._outcome

    def _run_processes(self, folder: Path) -> None:
        for at in self.conditions.changes:
            self._loop.call_later(at, self._change_workflow)
        if self.conditions.outsiders:
            self._loop.call_soon(self._come_from_outside)
        journal = folder / "0.db"
        for number in range(MOST_PROCESSES):
            if self._run_process(number, journal):
                return
            journal = _as_after_a_crash(journal, folder / f"{number + 1}.db")
            self._outcome.intended |= _intended(journal)
        raise AssertionError("the batch does not end")

    def _run_process(self, number: int, journal: Path) -> bool:
        """Run a process until it ends, or is killed; return whether the batch is over."""
        self._outcome.processes += 1
        lives = self.conditions.lives
        ends = self._loop.time() + lives[number] if number < len(lives) else float("inf")
        task = self._loop.run(self._iterate(number, journal), process=number)
        self._loop.run_until(lambda: task.done() or self._loop.time() >= ends)
        if task.done():
            return task.result()
        self._loop.kill(number)
        self._outcome.kills += 1
        self._outcome.open_at_kills += sum(each.status is None for each in self._platform.exchanges)
        return False

    async def _iterate(self, number: int, journal: Path) -> bool:
        """Make the call that is made again in each process; return whether every row has its result."""
        self._is_healthy = number >= _HEALTHY_FROM
        least, most = self.conditions.delay
        client = self._platform.client(
            Network(
                even(self._random, least, min(most, _LONGEST_REQUEST)), even(self._random, least, most), self._fate
            ),
            skew=self.conditions.skews[number],
            idempotency="server" if self.conditions.honors_keys else None,
        )
        options: dict[str, Any] = {**self.conditions.options}
        if self._is_healthy or self._was_searched:
            options["if_unknown"] = "skip"
        if self._is_healthy:
            options["timeout"] = 300.0
        if self._is_new_version_accepted:
            options["if_new_version"] = "continue"
        found: dict[int, RunResult] = {}
        try:
            async with client.workflows.run_many(
                self._workflow, self._rows(), key=_key, inputs=_inputs, journal=str(journal), **options
            ) as runs:
                async for result in runs:
                    found[result.index] = result
        except FibonacciError as error:
            self._is_new_version_accepted |= isinstance(error, JournalError)
            self._was_searched |= isinstance(error, UnknownOutcomeError) and options["if_unknown"] == "match"
            await asyncio.sleep(60.0)  # a user looks at it, and calls again
            return False
        self._outcome.results = found
        return all(result.status in _ENDED for result in found.values())  # else the time to wait was up

    def _rows(self) -> Any:
        rows = list(enumerate(self.conditions.rows))
        return self._read_slowly(rows) if self.conditions.reads_slowly else rows

    async def _read_slowly(self, rows: list[Any]) -> AsyncIterator[Any]:
        for row in rows:
            await asyncio.sleep(self._random.uniform(0, 1))
            yield row

    def _fate(self, now: float) -> Fate:
        begin, end = self.conditions.outage
        if self._is_healthy:
            return "arrives"
        if begin <= now < end:
            return "refused"
        return self._random.choice(_FAULTS) if self._random.random() < self.conditions.faults else "arrives"

    def _change_workflow(self) -> None:
        self._platform.catch_up()
        try:
            self._outsider.workflows.update(self._workflow, definition=_DEFINITION)
        except RateLimitError:  # others have used up the window
            self._loop.call_later(1.0, self._change_workflow)

    def _count_running(self, *_: object) -> None:
        running = app_of(self._platform.emulator).store.runs.count()
        self._outcome.most_running = max(self._outcome.most_running, running)

    def _come_from_outside(self) -> None:
        if self._is_healthy:
            return
        self._platform.catch_up()
        with suppress(FibonacciError):
            self._outsider.workflows.get(self._workflow)
        self._loop.call_later(self._random.expovariate(self.conditions.outsiders / 60), self._come_from_outside)

    def _recorded(self) -> dict[str, list[str]]:
        """Return the executions by their inputs, from the platform's own record."""
        found: dict[str, list[str]] = {}
        self._platform.emulator.clock.advance(self.conditions.window)
        for execution in self._outsider.executions.list(page_size=200):
            found.setdefault(_text(execution.inputs), []).append(execution.id)
            self._outcome.versions[execution.id] = str((execution.model_extra or {})["workflow_version"])
        return found


def broken(schedule: Schedule, outcome: Outcome) -> list[str]:
    """Return which promises a schedule has broken."""
    conditions = schedule.conditions
    wanted = Counter(_text(row) for row in conditions.rows)
    results = outcome.results
    found: list[str] = []
    if sorted(results) != list(range(len(conditions.rows))):
        found.append(f"rows without a result: {set(range(len(conditions.rows))) - set(results)}")
    for inputs, ids in outcome.executions.items():
        if len(ids) > wanted[inputs]:
            found.append(f"{inputs} was run {len(ids)} times for {wanted[inputs]} rows")
    taken = Counter(result.execution.id for result in results.values() if result.execution is not None)
    found += [f"{name} is the execution of {count} rows" for name, count in taken.items() if count > 1]
    unanswered = {_text(each.body["inputs"]) for each in outcome.exchanges if each.starts and each.is_open}
    for index, result in results.items():
        inputs = _text(conditions.rows[index])
        if result.status == "unknown":
            if inputs not in unanswered and result.key not in outcome.intended:
                found.append(f"row {index} is unknown, and every request for it had its response")
        elif result.execution is None or result.execution.id not in outcome.executions.get(inputs, []):
            found.append(f"row {index} is {result.status}, and its execution is not on the platform: {result.error}")
        elif result.status != "completed":
            found.append(f"row {index} is {result.status}: {result.error}")
        found += _wrong_attempts(conditions, outcome, result)
    concurrency = conditions.options["concurrency"]
    unseen = sum(each.starts and each.is_open for each in outcome.exchanges)  # which may run without being counted
    if concurrency is not None and outcome.most_running > concurrency + unseen:
        found.append(f"{outcome.most_running} executions ran at a time, and concurrency is {concurrency}")
    refused = sum(each.served == 429 for each in outcome.exchanges)
    # A process begins without knowing the window; what is on its way at a kill arrives whenever it does; a request
    # whose response is lost may not have been counted; and one that is late may come into the next window.
    carried = [(each, each.handled - each.begun) for each in outcome.exchanges if each.handled is not None]
    special = sum(each.is_open or seconds > _LATE for each, seconds in carried)
    most = outcome.processes - 1 + outcome.open_at_kills + special
    if not (conditions.outsiders or conditions.changes) and conditions.delay[1] <= _LONGEST_REQUEST and refused > most:
        found.append(f"{refused} requests beyond the window, and {most} at most have a reason")
    return found


def _wrong_attempts(conditions: Conditions, outcome: Outcome, result: RunResult) -> list[str]:
    """Return what is wrong with the last start of a row: its execution, its status or its version."""
    last = result.attempts[-1]
    if (last.execution_id, last.status) != (result.execution and result.execution.id, result.status):
        return [f"row {result.index} is {result.status}, and its last start {last}"]
    # An execution that has ended when it is first seen does not tell its version.
    is_told = not conditions.honors_keys and conditions.rows[result.index]["seconds"] > 0
    if last.execution_id is not None and is_told and last.version != outcome.versions[last.execution_id]:
        return [f"row {result.index} ran version {outcome.versions[last.execution_id]}, not {last.version}"]
    return []


def _as_after_a_crash(journal: Path, copy: Path) -> Path:
    """Copy what is on the disk, which the process that was killed cannot reach any more."""
    for suffix in ("", "-wal", "-lock"):
        with suppress(FileNotFoundError):  # killed before it was made
            shutil.copyfile(f"{journal}{suffix}", f"{copy}{suffix}")
    return copy


def _intended(journal: Path) -> set[str]:
    """Return the keys of the rows that a journal has with an intent and without an execution."""
    if not journal.exists():
        return set()
    with closing(sqlite3.connect(journal)) as connection:
        query = "SELECT key FROM rows WHERE idempotency_key IS NOT NULL AND execution_id IS NULL AND status IS NULL"
        return {key for (key,) in connection.execute(query)}


def _key(row: tuple[int, dict[str, Any]]) -> str:
    return f"row {row[0]}"


def _inputs(row: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    return row[1]


def _text(inputs: Any) -> str:
    return json.dumps(inputs, sort_keys=True)
