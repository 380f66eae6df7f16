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

from fibonacci import FibonacciError, RunResult
from fibonacci.emulator import Emulator
from tests.simulation.event_loop import SimulatedEventLoop
from tests.simulation.platform import Exchange, Fate, Network, SimulatedPlatform, even

_MOST_TURNS = 200_000  # the most that were seen are 31,000
_DEFINITION = {"nodes": [{"id": "rest", "type": "tool", "tool": "wait", "params": {"seconds": "{{input.seconds}}"}}]}
_FAULTS: tuple[Fate, ...] = ("refused", "request_lost", "response_lost", "reset", "bad_gateway")
_MEMORY = Path("/dev/shm")  # where a sync to the disk takes no time
_ENDED = ("completed", "failed", "unknown")
_KILLS = 3
_LONGEST_REQUEST = 2.0  # seconds; a response may take far longer
_MOST_PROCESSES = 12
_HEALTHY_FROM = 8  # nothing fails any more, so that the batch ends


@dataclass(frozen=True)
class Conditions:
    """What a seed determines, beside the order of events.

    Attributes:
        rows: The inputs of the rows; some are equal.
        limit: Requests of a window.
        window: Seconds of a window.
        outsiders: Requests a minute of others with the same key.
        faults: How many of the requests fail.
        outage: When an outage begins, and when it ends.
        delay: The shortest and the longest delay of a response; requests take 2 s at most.
        skews: Seconds by which the clocks of the processes are ahead.
        lives: Seconds after which the processes are killed; those after the last are not.
        options: The arguments of `run_many`.
        honors_keys: Whether the client relies on `Idempotency-Key`.
        reads_slowly: Whether the rows come from an async iterable.
    """

    rows: list[dict[str, Any]]
    limit: int
    window: float
    outsiders: float
    faults: float
    outage: tuple[float, float]
    delay: tuple[float, float]
    skews: list[float]
    lives: list[float]
    options: dict[str, Any]
    honors_keys: bool
    reads_slowly: bool

    @classmethod
    def drawn(cls, random: Random) -> Conditions:
        """Draw conditions."""
        has_twins = random.random() < 0.2
        longest = random.choice([0.0, 1.0, 20.0])
        count = random.randint(1, 12)
        rows = [{"seconds": round(random.uniform(0, longest), 3), "id": number} for number in range(count)]
        if has_twins:
            rows = [{**row, "seconds": longest, "id": number // 2} for number, row in enumerate(rows)]
        outage = random.choice([0.0, 0.0, random.uniform(0, 60)])
        begin = random.uniform(0, 10)
        return cls(
            rows=rows,
            limit=random.choice([6, 12, 30, 300]),
            window=random.choice([10.0, 60.0]),
            outsiders=random.choice([0.0, 0.0, 0.0, 10.0]),
            faults=random.choice([0.0, 0.05, 0.3]),
            outage=(begin, begin + outage),
            delay=random.choice([(0.001, 0.02), (0.01, 2.0), (0.1, 40.0)]),
            skews=[random.choice([0.0, 30.0, -30.0, random.uniform(-3600, 3600)]) for _ in range(_MOST_PROCESSES)],
            lives=[random.expovariate(1 / random.choice([0.1, 2.0, 20.0])) for _ in range(random.randint(0, _KILLS))],
            options={
                "concurrency": random.choice([None, 1, 3, 20]),
                "ordered": random.random() < 0.3,
                "on_unknown": random.choice(["skip", "skip", "raise"]),
            },
            honors_keys=random.random() < 0.5,
            reads_slowly=random.random() < 0.2,
        )


@dataclass
class Outcome:
    """What came of a schedule.

    Attributes:
        results: The result of each row, by index.
        executions: The ids of the executions with the same inputs, as the platform has them.
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
    exchanges: list[Exchange] = field(default_factory=list[Exchange])
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
        self.conditions = Conditions.drawn(self._random)
        self._loop = SimulatedEventLoop(self._random, _MOST_TURNS)
        limit = self.conditions.limit, self.conditions.window
        self._platform = SimulatedPlatform(self._loop, Emulator(time="manual", plan="pro", keep=None, rate_limit=limit))
        self._outsider = self._platform.emulator.client(max_retries=0, rate_limiter="off")
        self._workflow = self._outsider.workflows.create(name="simulated", definition=_DEFINITION).id
        self._is_healthy = False
        self._outcome = Outcome(exchanges=self._platform.exchanges)

    def run(self) -> Outcome:
        """Run it to the end."""
        state = random.getstate()
        random.seed(self._random.random())  # the jitter of retries
        try:
            with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.exists() else None) as folder:
                self._run_processes(Path(folder))
        finally:
            self._loop.end()
            random.setstate(state)
        self._outcome.seconds, self._outcome.turns = self._loop.time(), self._loop.turns
        self._outcome.executions = self._recorded()
        return self._outcome

    def _run_processes(self, folder: Path) -> None:
        if self.conditions.outsiders:
            self._loop.call_soon(self._come_from_outside)
        journal = folder / "0.db"
        for number in range(_MOST_PROCESSES):
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
        options: dict[str, Any] = self.conditions.options | ({"on_unknown": "skip"} if self._is_healthy else {})
        found: dict[int, RunResult] = {}
        try:
            async with client.workflows.run_many(
                self._workflow, self._rows(), key=_key, inputs=_inputs, journal=str(journal), **options
            ) as runs:
                async for result in runs:
                    found[result.index] = result
        except FibonacciError:
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
        for execution in self._outsider.executions.list(limit=200):
            found.setdefault(_text((execution.model_extra or {})["inputs"]), []).append(execution.id)
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
    refused = sum(each.served == 429 for each in outcome.exchanges)
    # A process begins without knowing the window; what is on its way at a kill arrives whenever it does; and a request
    # whose response is lost may not have been counted.
    lost = sum(each.handled is not None and each.is_open for each in outcome.exchanges)
    most = outcome.processes - 1 + outcome.open_at_kills + lost
    if not conditions.outsiders and conditions.delay[1] <= _LONGEST_REQUEST and refused > most:
        found.append(f"{refused} requests beyond the window, and {most} at most have a reason")
    return found


def _as_after_a_crash(journal: Path, copy: Path) -> Path:
    """Copy what is on the disk, which the process that was killed cannot reach any more."""
    for suffix in ("", "-wal"):
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
