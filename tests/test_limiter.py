"""Which calls a refusal delays."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci import RateLimitError, ServerError
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer


def test_a_503_delays_its_own_call_alone(caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock) -> None:
    server.add_response({}, status=503, headers={"Retry-After": "100"})
    server.add_response({"data": {"id": "wf-1"}})
    with pytest.raises(ServerError):
        mode.run(caller.workflows.get("wf-1"))
    assert mode.run(caller.workflows.get("wf-1")).id == "wf-1"
    assert clock.slept == []


def test_a_429_delays_all_calls_of_the_key(caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock) -> None:
    server.add_response({}, status=429, headers={"Retry-After": "30"})
    server.add_response({"data": {"id": "wf-1"}})
    with pytest.raises(RateLimitError):
        mode.run(caller.workflows.get("wf-1"))
    assert mode.run(caller.workflows.get("wf-1")).id == "wf-1"
    assert sum(clock.slept) == pytest.approx(30)


def test_an_absurd_retry_after_delays_no_other_call(
    caller: Any, mode: Mode, server: ScriptedServer, clock: FakeClock
) -> None:
    server.add_response({}, status=429, headers={"Retry-After": "99999999"})
    server.add_response({"data": {"id": "wf-1"}})
    with pytest.raises(RateLimitError) as caught:
        mode.run(caller.workflows.get("wf-1"))
    assert caught.value.retry_after == 99999999
    assert mode.run(caller.workflows.get("wf-1")).id == "wf-1"
    assert clock.slept == []
