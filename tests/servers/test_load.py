"""Load while nginx and haproxy close connections: what each call says of its outcome is true, no POST is done twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.kit.mode import MODES, Mode
from tests.servers.backend import backend, carried_out
from tests.servers.gateways import GATEWAYS, Gateway, GatewayName, gateway
from tests.servers.load import Load, LoadedCall, check
from tests.servers.setups import SHORT_KEEP_ALIVE, Setup

pytestmark = pytest.mark.slow

BUSY = Load(workers=4, pauses=(0.0, 0.1))
AS_LONG_AS_THE_KEEP_ALIVE = Load(workers=10, pauses=(0.48, 0.52))

DISTURBANCES = 3


@pytest.mark.parametrize("name", GATEWAYS)
def test_few_calls_fail_while_gateways_are_reloaded(name: GatewayName, tmp_path: Path) -> None:
    calls, workers = _disturbed(name, tmp_path, Gateway.reload)
    assert len(workers) > DISTURBANCES  # each reload has started others
    assert len(calls) > 50
    _few_failed(calls)


def test_killed_workers(tmp_path: Path) -> None:
    calls, workers = _disturbed("nginx", tmp_path, Gateway.kill_workers)
    assert len(workers) > DISTURBANCES
    assert sum(call.error is None for call in calls) > 50


@pytest.mark.parametrize("name", GATEWAYS)
def test_pauses_as_long_as_the_keep_alive(name: GatewayName, tmp_path: Path) -> None:
    calls = _under_load(name, tmp_path, SHORT_KEEP_ALIVE, AS_LONG_AS_THE_KEEP_ALIVE, lambda _: time.sleep(1.8))
    assert len(calls) >= 2 * AS_LONG_AS_THE_KEEP_ALIVE.workers * len(MODES)
    _few_failed(calls)


def _few_failed(calls: list[LoadedCall]) -> None:
    """Assert that each GET succeeded, if need be when sent again, and that few POSTs met the end of a connection."""
    failed = [call for call in calls if call.error is not None]
    assert {call.method for call in failed} <= {"POST"}, failed
    assert len(failed) < len(calls) / 20, failed


def _disturbed(
    name: GatewayName, directory: Path, disturb: Callable[[Gateway], None]
) -> tuple[list[LoadedCall], set[int]]:
    """Disturb a gateway a few times under load; return the calls, and the workers that it has had."""
    workers = set[int]()

    def disturb_repeatedly(front: Gateway) -> None:
        workers.update(front.workers)
        for _ in range(DISTURBANCES):
            time.sleep(0.3)
            workers.update(_disturb(front, disturb, workers))
        time.sleep(0.3)

    return _under_load(name, directory, Setup(), BUSY, disturb_repeatedly), workers


def _disturb(front: Gateway, disturb: Callable[[Gateway], None], known: set[int]) -> set[int]:
    """Disturb a gateway until it has workers that are not known; return these."""
    for _ in range(10):
        disturb(front)
        again = time.monotonic() + 2  # haproxy takes no signal to reload before it has carried out the last one
        while time.monotonic() < again:
            if others := front.workers - known:
                return others
            time.sleep(0.02)
    raise AssertionError(f"{front.name} has started no worker")


def _under_load(
    name: GatewayName, directory: Path, setup: Setup, load: Load, during: Callable[[Gateway], None]
) -> list[LoadedCall]:
    """Put a gateway under load in all modes at once; check the calls, and return them."""
    stop = threading.Event()
    with ExitStack() as stack:
        behind = stack.enter_context(backend())
        front = stack.enter_context(gateway(name, directory, {"the setup": setup}, behind.port))
        begun: list[Iterable[LoadedCall]] = []
        for mode in [stack.enter_context(Mode(mode_name)) for mode_name in MODES]:
            client = mode.client(f"{behind.api_key}-{mode.name}", base_url=front.base_url("the setup"))
            begun.append(load.begin(mode, client.request, stop))
        during(front)
        stop.set()
        calls = [call for worker_calls in begun for call in worker_calls]
    check(calls, carried_out(behind))
    return calls
