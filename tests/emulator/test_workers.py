from __future__ import annotations

import math
import os

import pytest

from fibonacci.emulator.engine import handler_calls as workers


def test_a_call_is_at_work_until_it_has_ended() -> None:
    call = workers.begin()
    assert workers.is_at_work(call)
    assert 0 <= workers.age(call) < 5
    workers.finish(call)
    workers.finish(call)
    assert not workers.is_at_work(call)
    assert workers.age(call) == math.inf


@pytest.mark.parametrize(("error", "lives"), [(None, True), (PermissionError, True), (ProcessLookupError, False)])
def test_a_call_of_another_process_is_at_work_while_that_lives(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError] | None, lives: bool
) -> None:
    def kill(pid: int, signal: int) -> None:
        assert (pid, signal) == (os.getpid() + 1, 0)
        if error is not None:
            raise error

    monkeypatch.setattr(os, "kill", kill)
    assert workers.is_at_work(f"{os.getpid() + 1}-abc") is lives


def test_where_asking_would_end_a_process_it_is_taken_to_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_CAN_ASK", False)
    assert workers.is_at_work(f"{os.getpid() + 1}-abc")
