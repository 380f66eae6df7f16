"""One schedule: a batch on a network that fails, in processes that are killed, and what the platform has of it."""

from __future__ import annotations

import asyncio
import json
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
from fibonacci.emulator.facade import app_of
from tests.tools.simulation.chance import seeded
from tests.tools.simulation.conditions import MOST_PROCESSES, Conditions
from tests.tools.simulation.event_loop import SimulatedEventLoop
from tests.tools.simulation.platform import Fate, Network, SimulatedExchange, SimulatedPlatform, even

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
    """A batch, or two beside each other, until every row has its result, in one process after the other.

    Args:
        seed: Determines everything.
    """

    def __init__(self, seed: int) -> None:
        self.random: Random = Random(seed)
        self.conditions = Conditions.drawn(self.random, Random(f"{seed}"), Random(f"more of {seed}"))
        self.loop: SimulatedEventLoop = SimulatedEventLoop(self.random, _MOST_TURNS)
        limit = self.conditions.limit, self.conditions.window
        emulator = Emulator(time="manual", plan="pro", keep=None, rate_limit=limit)
        honors_keys, paging = self.conditions.honors_keys, self.conditions.paging
        self.platform: SimulatedPlatform = SimulatedPlatform(
            self.loop, emulator, honors_keys=honors_keys, paging=paging
        )
        self._outsider = emulator.client(max_retries=0, rate_limiter="off")
        self.workflow: str = self._outsider.workflows.create(name="simulated", definition=_DEFINITION).id
        self.outcome: Outcome = Outcome(exchanges=self.platform.exchanges)
        app_of(emulator).observers.append(self._count_running)
        self._programs: list[_Program] = []

    def run(self) -> Outcome:
        """Run it to the end."""
        memory = _MEMORY if _MEMORY.exists() else None
        with seeded(self.random.random()), tempfile.TemporaryDirectory(dir=memory) as folder:
            try:
                self._run_programs(Path(folder))
            finally:
                self.loop.end()  # closes the journals, without which Windows does not remove the folder
        self.outcome.seconds, self.outcome.turns = self.loop.time(), self.loop.turns
        self.outcome.executions = self._recorded()
        return self.outcome

    def _run_programs(self, folder: Path) -> None:
        for at in self.conditions.changes:
            self.loop.call_later(at, self._change_workflow)
        if self.conditions.outsiders:
            self.loop.call_soon(self._come_from_outside)
        programs = [_Program(self, number, folder) for number in range(len(self.conditions.lives))]
        self._programs = programs
        while not all(each.is_over for each in programs):
            self.loop.run_until(lambda: any(each.is_due for each in programs))
            for each in programs:
                if each.is_due:
                    each.go_on()

    def _change_workflow(self) -> None:
        self.platform.catch_up()
        try:
            self._outsider.workflows.update(self.workflow, definition=_DEFINITION)
        except RateLimitError:  # others have used up the window
            self.loop.call_later(1.0, self._change_workflow)

    def _count_running(self, *_: object) -> None:
        running = app_of(self.platform.emulator).store.executions.count("running")
        self.outcome.most_running = max(self.outcome.most_running, running)

    def _come_from_outside(self) -> None:
        if all(each.is_healthy for each in self._programs):
            return
        self.platform.catch_up()
        with suppress(FibonacciError):
            self._outsider.workflows.get(self.workflow)
        self.loop.call_later(self.random.expovariate(self.conditions.outsiders / 60), self._come_from_outside)

    def _recorded(self) -> dict[str, list[str]]:
        """Return the executions by their inputs, from the platform's own record."""
        found: dict[str, list[str]] = {}
        self.platform.emulator.clock.advance(self.conditions.window)
        for execution in self._outsider.executions.list(page_size=200):
            found.setdefault(_text(execution.inputs), []).append(execution.id)
            self.outcome.versions[execution.id] = str((execution.model_extra or {})["workflow_version"])
        return found


class _Program:
    """Makes one call again and again, each time in a new process, until every row has its result.

    Args:
        schedule: The schedule.
        number: Its number, from 0.
        folder: Where its journal is.

    Attributes:
        is_over: Whether every row has its result.
        is_healthy: Whether nothing fails any more, so that the batch ends.
    """

    def __init__(self, schedule: Schedule, number: int, folder: Path) -> None:
        conditions = schedule.conditions
        self.is_over: bool = False
        self.is_healthy: bool = False
        self._schedule = schedule
        self._conditions = conditions
        self._number = number
        self._first = conditions.first * number
        self._rows = list(enumerate(conditions.rows))[self._first : self._first + conditions.first]
        self._folder = folder
        self._journal = self._journal_of(0)
        self._processes = 0
        self._is_new_version_accepted = False
        self._begin()

    @property
    def is_due(self) -> bool:
        """Whether its process has ended, or is going to be killed now."""
        return not self.is_over and (self._task.done() or self._schedule.loop.time() >= self._ends)

    def go_on(self) -> None:
        """Kill the process unless it has ended, and begin another one unless every row has its result."""
        outcome = self._schedule.outcome
        if self._task.done():
            self.is_over = self._task.result()
        else:
            self._schedule.loop.kill((self._number, self._processes))
            outcome.kills += 1
            outcome.open_at_kills += sum(each.status is None for each in outcome.exchanges)
        if self.is_over:
            return
        self._processes += 1
        assert self._processes < MOST_PROCESSES, "the batch does not end"
        self._journal = _as_after_a_crash(self._journal, self._journal_of(self._processes))
        outcome.intended |= _intended(self._journal)
        self._begin()

    def _journal_of(self, process: int) -> Path:
        return self._folder / f"{self._number}-{process}.db"

    def _begin(self) -> None:
        self._schedule.outcome.processes += 1
        lives, loop = self._conditions.lives[self._number], self._schedule.loop
        life = lives[self._processes] if self._processes < len(lives) else float("inf")
        self._ends = loop.time() + life
        self._task = loop.run(self._iterate(), process=(self._number, self._processes))

    async def _iterate(self) -> bool:
        """Make the call that is made again in each process; return whether every row has its result."""
        conditions, random = self._conditions, self._schedule.random
        self.is_healthy = self._processes >= _HEALTHY_FROM
        least, most = conditions.delay
        requests, responses = even(random, least, min(most, _LONGEST_REQUEST)), even(random, least, most)
        client = self._schedule.platform.client(
            Network(requests, responses, self._fate, lambda: random.randint(0, 20)),
            skew=conditions.skews[self._processes],
            idempotency="server" if conditions.honors_keys else None,
        )
        options: dict[str, Any] = {**conditions.options}
        if self.is_healthy:
            options["timeout"] = 300.0
        if self._is_new_version_accepted:
            options["if_new_version"] = "continue"
        found: dict[int, RunResult] = {}
        rows = self._read_slowly() if conditions.reads_slowly else self._rows
        try:
            async with client.workflows.run_many(
                self._schedule.workflow, rows, key=_key, inputs=_inputs, journal=str(self._journal), **options
            ) as runs:
                async for result in runs:
                    found[self._first + result.index] = result
        except FibonacciError as error:
            if not (self.is_healthy and isinstance(error, UnknownOutcomeError)):
                self._is_new_version_accepted |= isinstance(error, JournalError)
                await asyncio.sleep(60.0)  # a user looks at it, and calls again
                return False
        self._schedule.outcome.results |= found
        return all(result.status in _ENDED for result in found.values())  # else the time to wait was up

    async def _read_slowly(self) -> AsyncIterator[Any]:
        for row in self._rows:
            await asyncio.sleep(self._schedule.random.uniform(0, 1))
            yield row

    def _fate(self, now: float) -> Fate:
        random, (begin, end) = self._schedule.random, self._conditions.outage
        if self.is_healthy:
            return "arrives"
        if begin <= now < end:
            return "refused"
        faults = (*_FAULTS, "overloaded") if self._conditions.is_overloaded else _FAULTS
        return random.choice(faults) if random.random() < self._conditions.faults else "arrives"


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
    if concurrency is not None and outcome.most_running > concurrency * len(conditions.lives) + unseen:
        found.append(f"{outcome.most_running} executions ran at a time, and concurrency is {concurrency}")
    refused = sum(each.served == 429 for each in outcome.exchanges)
    # A process begins without knowing the window; what is on its way at a kill arrives whenever it does; a request
    # whose response is lost may not have been counted; and one that is late may come into the next window. Whoever
    # changes the workflow takes a request that the client learns of from the next response.
    carried = [(each, each.handled - each.begun) for each in outcome.exchanges if each.handled is not None]
    special = sum(each.is_open or seconds > _LATE for each, seconds in carried)
    most = outcome.processes - 1 + outcome.open_at_kills + special + len(conditions.changes)
    is_alone = not conditions.outsiders and len(conditions.lives) == 1
    if is_alone and conditions.delay[1] <= _LONGEST_REQUEST and refused > most:
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
    """Copy what is on the disk, which the process that was killed cannot reach any more.

    A lock beside it tells a journal from other files: the copy takes the place of what it is a copy of.
    """
    for suffix in ("", "-wal", "-lock"):
        with suppress(FileNotFoundError):  # killed before it was made
            shutil.copyfile(f"{journal}{suffix}", f"{copy}{suffix}")
    with suppress(OSError):  # of Windows, where nothing is removed that is open; or there is none
        Path(f"{journal}-lock").unlink()
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
