"""Ctrl-C once drains, twice stops; SIGTERM and SIGHUP drain; all say how to continue."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import pytest
import trio

from fibonacci import Fibonacci, RunResult
from fibonacci.emulator import Emulator
from tests.batch.shared_clock import SharedClock
from tests.batch.workflows import RESTER
from tests.emulator.handling import wait_until
from tests.kit.mode import MODES
from tests.kit.systems import needs_signals


def statuses(client: Fibonacci, workflow: str) -> list[str]:
    return [str(each.status) for each in client.executions.list(workflow_id=workflow)]


def intents_alone(journal: Path) -> int:
    """Return how many rows are on the way to their start, as the journal of another process has it."""
    query = "SELECT count(*) FROM rows WHERE idempotency_key IS NOT NULL AND execution_id IS NULL AND status IS NULL"
    with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute(query).fetchone()[0])


class Resting:
    """A platform on which no execution ends by itself, with four rows of which the first takes no time."""

    def __init__(self, folder: Path) -> None:
        self.journal: Path = folder / "runs.db"
        self.emulator: Emulator = Emulator(time="manual")
        self.workflow: str = self.emulator.client().workflows.create(name="rester", definition=RESTER).id

    def __enter__(self) -> Self:
        self.emulator.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.emulator.close()

    def rows(self) -> list[dict[str, float]]:
        return [{"n": number, "seconds": 2.0 if number else 0} for number in range(4)]

    def check_that_the_next_call_continues(self) -> None:
        client = self.emulator.client(clock=SharedClock(self.emulator))
        assert statuses(client, self.workflow).count("running") >= 2
        runs = client.workflows.run_many(self.workflow, iter(self.rows()), journal=self.journal)
        assert [run.status for run in runs] == ["completed"] * 4
        assert len(statuses(client, self.workflow)) == 4


@needs_signals
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_second_ctrl_c_ends_the_wait_for_rows(loop: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt_again() -> None:
        try:
            wait_until(lambda: "no more rows are started" in capsys.readouterr().err)
            wait_until(lambda: not intents_alone(resting.journal))
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    async def main() -> None:
        client = resting.emulator.async_client()
        options: dict[str, Any] = {"journal": resting.journal, "concurrency": 3}
        async for _ in client.workflows.run_many(resting.workflow, resting.rows(), **options):
            signal.raise_signal(signal.SIGINT)
            again.start()

    again = threading.Thread(target=interrupt_again)
    with Resting(tmp_path) as resting:
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(main()) if loop == "asyncio" else trio.run(main)
        again.join()
        resting.check_that_the_next_call_continues()


@needs_signals
@pytest.mark.parametrize("loop", MODES)
def test_ctrl_c_lets_rows_under_way_end_and_then_interrupts(
    loop: str, emulator: Emulator, client: Fibonacci, rester: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal, seen = tmp_path / "runs.db", list[str]()
    options: dict[str, Any] = {"journal": journal, "concurrency": 3}
    rows = [{"n": number, "seconds": 0.05 if number else 0} for number in range(30)]

    def take(run: RunResult) -> None:
        if not seen:
            signal.raise_signal(signal.SIGINT)
        seen.append(str(run.status))

    async def main() -> None:
        async for run in emulator.async_client().workflows.run_many(rester, rows, **options):
            take(run)
        raise AssertionError("the loop has ended")

    def interrupted() -> None:
        if loop == "asyncio":
            asyncio.run(main())
        elif loop == "trio":
            trio.run(main)
        else:
            for run in client.workflows.run_many(rester, rows, **options):
                take(run)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "Ctrl-C: no more rows are started. Waiting for " in capsys.readouterr().err
    assert statuses(client, rester) == seen == ["completed"] * len(seen), "all that was under way was waited for"
    assert 1 <= len(seen) <= 8


@needs_signals
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_after_the_first_signal_what_is_under_way_ends_and_then_the_program_gets_it(
    name: str, emulator: Emulator, rester: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = signal.Signals[name]
    got: list[int] = []
    statuses: list[str] = []
    journal = tmp_path / "runs.db"

    async def main() -> None:
        async with emulator.async_client() as client:
            rows = [{"seconds": 0.02}] * 30
            async for run in client.workflows.run_many(rester, rows, concurrency=2, journal=journal):
                assert got == []
                if not statuses:
                    signal.raise_signal(number)
                statuses.append(run.status)

    before = signal.signal(number, lambda number, _: got.append(number))
    try:
        asyncio.run(main())
    finally:
        signal.signal(number, before)
    assert got == [number]
    assert 1 <= len(statuses) <= 6
    assert set(statuses) == {"completed"}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{name}: no more rows are started. Waiting for ")
    assert line.endswith(f"To continue, make the same call again with journal={str(journal)!r}, resume=True.")


def test_handlers_are_set_while_rows_run_alone(client: Fibonacci, rester: str) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    rows = [{"seconds": 0}] * 5
    runs = client.workflows.run_many(rester, rows)
    iterator = iter(runs)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    next(iterator)
    assert signal.getsignal(signal.SIGINT) != before[0]
    del iterator
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    runs.close()  # no request is on its way after the test
    assert len(list(client.workflows.run_many(rester, rows))) == 5
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_what_is_ignored_stays_ignored(client: Fibonacci, rester: str) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for _ in client.workflows.run_many(rester, [{"seconds": 0}]):
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_none_are_set(client: Fibonacci, rester: str) -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def run() -> None:
        seen.extend(signal.getsignal(signal.SIGINT) for _ in client.workflows.run_many(rester, [{"seconds": 0}] * 3))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before] * 3
