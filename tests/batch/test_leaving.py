"""A run that is left, canceled, shared or forked in the middle: nothing hangs, nothing certain becomes unknown."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from fibonacci import AsyncFibonacci, Fibonacci, RunResult
from fibonacci._batch import leaving
from fibonacci._batch.locks import FileLock
from fibonacci._sync.batch import _workers
from fibonacci.emulator import Emulator
from tests.emulator.handling import wait_until
from tests.kit.mode import Mode, both_modes
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import error_body, respond, respond_json
from tests.kit.systems import needs_fork, needs_signals


def rows(number: int, seconds: float = 0) -> list[dict[str, Any]]:
    return [{"n": each, "seconds": seconds} for each in range(number)]


class RefusingPlatform:
    """Starts the first row at once, and refuses the others when it is told to, until it accepts all."""

    def __init__(self, status: int) -> None:
        self.refuses = threading.Event()
        self._status = status
        self._is_accepting = False
        self.refused = 0

    def accept(self) -> None:
        self._is_accepting = True

    def __call__(self, peer: Peer) -> object:
        request = peer.request
        if request.method == "GET":
            return respond_json({"data": {"id": "wf-1", "version": 1}} if "workflows" in request.path else [])(peer)
        if self._is_accepting or b'"n":0' in request.body:
            return respond_json({"data": {"execution_id": "exec_1", "status": "completed", "outputs": {}}})(peer)
        assert self.refuses.wait(20)
        self.refused += 1
        return respond(self._status, error_body())(peer)


@pytest.mark.parametrize(("status", "closes"), [(422, True), (429, False)])
def test_rows_that_are_refused_after_a_break_are_not_of_unknown_outcome(
    mode: Mode, tmp_path: Path, status: int, closes: bool
) -> None:
    platform, journal = RefusingPlatform(status), tmp_path / "runs.db"

    async def leave(runs: Any) -> None:
        results = aiter(runs)  # the run ends with it, unless it is closed before
        await anext(results)
        platform.refuses.set()
        if closes:
            await runs.aclose()

    def leave_sync(runs: Any) -> None:
        results = iter(runs)
        next(results)
        platform.refuses.set()
        if closes:
            runs.close()

    with ScriptedServer(platform) as server:
        client = mode.client_of(server, max_retries=0)
        options = {"journal": journal, "concurrency": 4}
        mode.run((leave if mode.is_async else leave_sync)(client.workflows.run_many("wf-1", rows(4), **options)))
        wait_until(lambda: platform.refused == 3)
        wait_until(lambda: _intents(journal) == [])
        platform.accept()
        results: list[RunResult] = []
        wait_until(lambda: _is_free(journal))  # it is closed with the last response
        mode.each(client.workflows.run_many("wf-1", rows(4), **options), results.append)
    refused = "failed" if closes else "completed"  # `close` waits for the responses, and records them
    assert sorted(result.status for result in results) == ["completed", *[refused] * 3]


def _is_free(journal: Path) -> bool:
    """Tell whether a run could have the journal now."""
    try:
        FileLock(f"{journal}-lock").release()
    except BlockingIOError:
        return False
    return True


def _intents(journal: Path) -> list[int]:
    """Return the rows that have an intent alone."""
    query = "SELECT row_index FROM rows WHERE idempotency_key IS NOT NULL AND execution_id IS NULL AND status IS NULL"
    with closing(sqlite3.connect(journal)) as connection:
        return [index for (index,) in connection.execute(query)]


def test_a_wait_that_is_canceled_loses_nothing(emulator: Emulator, rester: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncFibonacci(emulator.api_key, base_url=emulator.base_url) as client:
            runs = client.workflows.run_many(rester, rows(12, 0.03), journal=tmp_path / "runs.db", concurrency=4)
            iterator, seen = aiter(runs), 0
            while seen < 12:  # as long as a wait for one result often does not take
                try:
                    await asyncio.wait_for(anext(iterator), 0.004)
                except TimeoutError:
                    continue
                seen += 1
            await runs.aclose()
            assert runs.summary.succeeded == 12

    asyncio.run(asyncio.wait_for(main(), 30))


def test_an_error_that_ends_loops_ends_this_one_with_an_error(mode: Mode, any_client: Any, rester: str) -> None:
    def function(_: Any) -> Any:
        raise error

    error = StopAsyncIteration if mode.is_async else StopIteration

    runs = any_client.workflows.run_many(rester, rows(3), key=function)
    with pytest.raises(RuntimeError, match=error.__name__):
        mode.each(runs, lambda _: None)


def test_a_journal_is_free_after_an_exit_that_is_caught(client: Fibonacci, rester: str, tmp_path: Path) -> None:
    def ending() -> Iterator[dict[str, Any]]:
        yield from rows(1)
        raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        list(client.workflows.run_many(rester, ending(), journal=tmp_path / "runs.db"))
    assert caught.value.__traceback__ is not None, "it keeps the iterator"
    assert len(list(client.workflows.run_many(rester, rows(1), journal=tmp_path / "runs.db"))) == 1


def test_an_end_that_fails_is_logged_and_the_next_is_called(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise OSError("the disk is gone")

    called = list[int]()
    leaving.end_soon(fail)
    leaving.end_soon(lambda: called.append(1))
    leaving.end_abandoned()
    assert called
    wait_until(lambda: "the disk is gone" in caplog.text)
    assert "an abandoned run could not be ended" in caplog.text


class TestGone:
    """An iterator that is gone, as after a `break`, ends its run, wherever the garbage collector notices it."""

    @both_modes
    def test_a_collection_while_the_journal_is_in_use(
        self, mode: Mode, any_client: Any, rester: str, tmp_path: Path
    ) -> None:
        runs = any_client.workflows.run_many(rester, rows(3), journal=tmp_path / "runs.db", ordered=True)
        iterator = aiter(runs) if mode.is_async else iter(runs)
        for _ in range(3):
            mode.end(iterator.__anext__ if mode.is_async else iterator.__next__)
        in_a_cycle: list[Any] = [iterator]
        in_a_cycle.append(in_a_cycle)
        gone = weakref.ref(iterator)
        del iterator, in_a_cycle

        def collect(statement: str) -> None:  # while the lock of the journal is held
            gc.collect()

        runs._session._context.journal._connection.set_trace_callback(collect)
        ended = mode.begin(runs.results).result(30)
        assert gone() is None
        assert [result.index for result in ended.value] == [*range(3)]
        wait_until(lambda: _is_free(tmp_path / "runs.db"))
        assert len(mode.run(runs.results())) == 3

    @both_modes
    @pytest.mark.parametrize("has_thread", [True, False])
    def test_the_same_call_may_follow_at_once(
        self,
        mode: Mode,
        any_client: Any,
        rester: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        has_thread: bool,
    ) -> None:
        if not has_thread:  # as at a limit of the system
            monkeypatch.setattr(leaving, "start_new_thread", Mock(side_effect=RuntimeError))

        def leave_after(number: int) -> Any:
            options = {"journal": tmp_path / "runs.db", "concurrency": 1}
            runs = any_client.workflows.run_many(rester, rows(number), **options)  # nothing is on its way then
            iterator = aiter(runs) if mode.is_async else iter(runs)
            for _ in range(number):
                assert mode.end(iterator.__anext__ if mode.is_async else iterator.__next__).value.succeeded
            return runs

        leave_after(1)
        leave_after(2)
        runs = leave_after(3)
        mode.run(runs.aclose() if mode.is_async else runs.close())
        assert _is_free(tmp_path / "runs.db")


class TestTwoAtOnce:
    def test_another_thread_is_told(self, client: Fibonacci, rester: str) -> None:
        is_reading, goes_on = threading.Event(), threading.Event()

        def waiting() -> Iterator[dict[str, Any]]:
            yield from rows(1)
            is_reading.set()
            assert goes_on.wait(20)

        runs = client.workflows.run_many(rester, waiting())
        iterator = iter(runs)
        seen: list[RunResult] = []
        thread = threading.Thread(target=lambda: seen.extend(iterator))
        thread.start()
        assert is_reading.wait(20)
        for use in (lambda: next(iterator), runs.close):
            with pytest.raises(RuntimeError, match="another task or thread is waiting for the next result of these"):
                use()
        goes_on.set()
        thread.join()
        assert [result.status for result in seen] == ["completed"]

    def test_the_body_of_the_loop_may_close(self, client: Fibonacci, rester: str) -> None:
        runs = client.workflows.run_many(rester, rows(9), concurrency=2)
        for number, _ in enumerate(runs):
            assert number == 0
            runs.close()

    @needs_fork
    @pytest.mark.parametrize("has_journal", [True, False])
    def test_a_fork_is_told(self, client: Fibonacci, rester: str, tmp_path: Path, has_journal: bool) -> None:
        journal = tmp_path / "runs.db" if has_journal else None
        runs = client.workflows.run_many(rester, rows(6), journal=journal, ordered=True)
        iterator = iter(runs)
        next(iterator)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                next(iterator)
            except RuntimeError as error:
                os.write(writing, str(error).encode())
            runs.close()
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            assert "not in a fork of it" in pipe.read()
        os.waitpid(child, 0)
        assert len(list(iterator)) == 5


@needs_signals
class TestHandlersOfSeveralRuns:
    """All get the first Ctrl-C, and it is the program's again when they have ended."""

    @pytest.mark.parametrize("first", [0, 1])
    def test_all_drain_whichever_ends_first(self, client: Fibonacci, rester: str, first: int) -> None:
        before = signal.getsignal(signal.SIGINT)
        iterators = [iter(client.workflows.run_many(rester, rows(9), concurrency=1)) for _ in range(2)]
        for iterator in iterators:
            next(iterator)
        signal.raise_signal(signal.SIGINT)
        for iterator in (iterators[first], iterators[1 - first]):
            seen: list[RunResult] = []
            with pytest.raises(KeyboardInterrupt):
                seen.extend(result for result in iterator)
            assert len(seen) <= 2
        assert signal.getsignal(signal.SIGINT) == before

    def test_a_handler_that_calls_the_one_before(self, client: Fibonacci, rester: str) -> None:
        before: Any = signal.getsignal(signal.SIGINT)
        iterator = iter(client.workflows.run_many(rester, rows(3)))
        next(iterator)
        of_run: Any = signal.getsignal(signal.SIGINT)
        calls = count(1)

        def chained(number: int, frame: Any) -> None:
            next(calls)
            of_run(number, frame)

        signal.signal(signal.SIGINT, chained)
        try:
            list(iterator)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        finally:
            signal.signal(signal.SIGINT, before)
        assert next(calls) == 2


@both_modes
def test_the_journal_is_free_when_the_loop_has_ended(
    mode: Mode, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However late the last worker leaves: the next call may follow at once."""
    put = _workers.Inbox.put

    def put_and_stay(inbox: _workers.Inbox, function: Callable[[], object]) -> None:
        put(inbox, function)
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.1)

    monkeypatch.setattr(_workers.Inbox, "put", put_and_stay)
    client = mode.client_of(emulator)
    workflow = mode.run(client.workflows.create(name="Empty"))
    for _ in range(3):
        seen: list[RunResult] = []
        mode.each(client.workflows.run_many(workflow, [{}], journal=tmp_path / "runs.db"), seen.append)
        assert [run.status for run in seen] == ["completed"]
