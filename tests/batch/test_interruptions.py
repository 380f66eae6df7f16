"""Ctrl-C whose traceback is kept, and a system that has no thread left: no id is lost, and the journal is free."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from fibonacci import APIConnectionError, Fibonacci
from fibonacci.emulator import Emulator
from tests.kit.systems import needs_signals


def rows(number: int, seconds: float) -> list[dict[str, Any]]:
    return [{"n": each, "seconds": seconds} for each in range(number)]


class InterruptAt:
    """Raises `KeyboardInterrupt` in this thread, at the first line of a function."""

    def __init__(self, function: str) -> None:
        self._function = function
        self._before = sys.gettrace()  # which may measure the coverage

    def __enter__(self) -> None:
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:
        return self._line if frame.f_code.co_qualname == self._function else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        sys.settrace(None)
        raise KeyboardInterrupt


@needs_signals
def test_ctrl_c_whose_traceback_is_kept_does_not_keep_the_turn(client: Fibonacci, rester: str, tmp_path: Path) -> None:
    """Ctrl-C at every other line is what `tests/tools/interruptions` tries."""
    runs = client.workflows.run_many(rester, rows(3, 0), journal=tmp_path / "runs.db")
    with pytest.raises(KeyboardInterrupt) as caught, InterruptAt("Turn.__enter__"):
        next(iter(runs))
    runs.close()
    assert caught.value.__traceback__ is not None


class ThreadLimit:
    """Lets so many threads of a name be started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, most: int) -> None:
        self.refused = 0
        self.left = most
        start = threading.Thread.start

        def start_or_refuse(thread: threading.Thread) -> None:
            if thread.name == name:
                if not self.left:
                    self.refused += 1
                    raise RuntimeError("can't start new thread")
                self.left -= 1
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", start_or_refuse)


class TestThreadLimit:
    def test_rows_share_the_threads_that_there_are(
        self, client: Fibonacci, rester: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limit = ThreadLimit(monkeypatch, "fibonacci-run-many", 2)
        runs = client.workflows.run_many(rester, rows(12, 0), journal=tmp_path / "runs.db", concurrency=8)
        assert [result.status for result in runs.results()] == ["completed"] * 12
        assert limit.refused > 0

    def test_without_any_thread_nothing_is_started_and_the_journal_is_free(
        self, client: Fibonacci, rester: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limit = ThreadLimit(monkeypatch, "fibonacci-run-many", 0)
        runs = client.workflows.run_many(rester, rows(3, 0), journal=tmp_path / "runs.db")
        with pytest.raises(RuntimeError, match="can't start new thread"):
            runs.results()
        runs.close()
        assert limit.refused == 1
        limit.left = 100
        again = client.workflows.run_many(rester, rows(3, 0), journal=tmp_path / "runs.db")
        assert [result.status for result in again.results()] == ["completed"] * 3
        assert len(list(client.executions.list(workflow_id=rester))) == 3

    def test_the_emulator_accepts_when_there_are_threads_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with Emulator() as emulator:
            limit = ThreadLimit(monkeypatch, "fibonacci-emulator", 0)
            with Fibonacci(emulator.api_key, base_url=emulator.base_url, max_retries=0) as client:
                with pytest.raises(APIConnectionError):
                    client.health.check()
                assert limit.refused == 1
                limit.left = 100
                client.health.check()
            limit.left = 0
            with pytest.raises(RuntimeError, match="can't start new thread"):
                Emulator().start()
