from __future__ import annotations

import math
import os

import pytest

from fibonacci.emulator.engine import handler_calls


def test_a_call_is_running_until_it_has_ended() -> None:
    call = handler_calls.register()
    assert handler_calls.is_running(call)
    assert 0 <= handler_calls.age(call) < 5
    handler_calls.finish(call)
    handler_calls.finish(call)
    assert not handler_calls.is_running(call)
    assert handler_calls.age(call) == math.inf


@pytest.mark.parametrize(("error", "exists"), [(None, True), (PermissionError, True), (ProcessLookupError, False)])
def test_a_call_of_another_process_is_running_while_that_exists(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError] | None, exists: bool
) -> None:
    def kill(pid: int, signal: int) -> None:
        assert (pid, signal) == (os.getpid() + 1, 0)
        if error is not None:
            raise error

    monkeypatch.setattr(os, "kill", kill)
    assert handler_calls.is_running(f"{os.getpid() + 1}-abc") is exists


def test_where_a_process_cannot_be_probed_it_is_assumed_to_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler_calls, "CAN_PROBE", False)
    assert handler_calls.is_running(f"{os.getpid() + 1}-abc")
