from __future__ import annotations

import math
import os

import pytest

from fibonacci.emulator.engine import handler_calls


def test_a_call_is_at_work_until_it_has_ended() -> None:
    call = handler_calls.begin()
    assert handler_calls.is_at_work(call)
    assert 0 <= handler_calls.age(call) < 5
    handler_calls.finish(call)
    handler_calls.finish(call)
    assert not handler_calls.is_at_work(call)
    assert handler_calls.age(call) == math.inf


@pytest.mark.parametrize(("error", "lives"), [(None, True), (PermissionError, True), (ProcessLookupError, False)])
def test_a_call_of_another_process_is_at_work_while_that_lives(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError] | None, lives: bool
) -> None:
    def kill(pid: int, signal: int) -> None:
        assert (pid, signal) == (os.getpid() + 1, 0)
        if error is not None:
            raise error

    monkeypatch.setattr(os, "kill", kill)
    assert handler_calls.is_at_work(f"{os.getpid() + 1}-abc") is lives


def test_where_asking_would_end_a_process_it_is_taken_to_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler_calls, "_CAN_ASK", False)
    assert handler_calls.is_at_work(f"{os.getpid() + 1}-abc")
