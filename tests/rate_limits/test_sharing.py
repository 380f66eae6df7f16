"""What the processes, threads and event loops of a key have in common."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from fibonacci import AsyncFibonacci, RateLimitError, WaitEvent
from fibonacci._net import stored_limits
from fibonacci.emulator import Emulator
from tests.kit.mode import Mode, both_modes
from tests.kit.systems import needs_fork
from tests.rate_limits.clients import client_of, refusals

# Valkey speaks Redis's protocol; the calls at the same time are tried on it too.
on_this_machine_and_redis = pytest.mark.parametrize("rate_limiter", ["machine", "redis-server"], indirect=True)

on_a_fork = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def fork(act: Callable[[], object]) -> int:
    """Act in another process, which ends as any process does; return its id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act()
            stored_limits._finish_all()  # pyright: ignore[reportPrivateUsage]
            code = 0
        finally:
            os._exit(code)
    return child


class TestSharing:
    @needs_fork
    @on_a_fork
    def test_none_of_several_processes_is_refused(self) -> None:
        with Emulator(rate_limit=(8, 1.0)) as emulator, Mode("sync") as mode:
            client = mode.client_of(emulator, rate_limiter="machine")
            children = [fork(lambda: [client.tools.get("calculator") for _ in range(4)]) for _ in range(2)]
            own = [mode.begin(client.tools.get, "calculator") for _ in range(4)]
            assert [call.result().error for call in own] == [None] * 4
            assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
            assert refusals(emulator) == 0
            assert emulator.requests.count == 12

    @pytest.mark.parametrize(
        ("mode", "rate_limiter"),
        [
            *(("sync", "machine"), ("asyncio", "machine"), ("trio", "machine")),
            *(("asyncio", "redis-server"), ("sync", "valkey-server")),
        ],
        indirect=True,
    )
    def test_calls_at_the_same_time_are_all_sent_and_the_next_is_not(
        self, mode: Mode, rate_limiter: str, emulator: Emulator
    ) -> None:
        client = mode.client_of(emulator, rate_limiter=rate_limiter, timeout=20)
        begun = [mode.begin(client.tools.get, "calculator") for _ in range(6)]
        assert [call.result(timeout=20).error for call in begun] == [None] * 6
        refused = mode.end(client.tools.get, "calculator")
        assert (refused.api_error.attempts, refused.seconds < 20) == (0, True)  # before its time is up
        assert emulator.requests.count == 6

    @both_modes
    def test_a_wait_is_reported_and_ends_with_its_client(self, mode: Mode, emulator: Emulator) -> None:
        events: list[WaitEvent] = []
        client = mode.client_of(emulator, rate_limiter="machine", timeout=100, on_wait=events.append)
        for _ in range(6):
            mode.run(client.tools.get("calculator"))
        waiting = mode.begin(client.tools.get, "calculator")
        while not events:
            time.sleep(0.01)
        mode.close(client)
        assert "client was closed" in str(waiting.result(timeout=5).error)
        assert [event.reason for event in events] == ["rate_limit"]
        assert 50 < events[0].seconds <= 62

    @on_this_machine_and_redis
    def test_one_event_loop_after_another(self, rate_limiter: str, emulator: Emulator) -> None:
        client = AsyncFibonacci(emulator.api_key, base_url=emulator.base_url, rate_limiter=rate_limiter)

        async def call() -> None:
            await asyncio.gather(*(client.tools.get("calculator") for _ in range(2)))
            await client.aclose()

        for _ in range(3):
            asyncio.run(call())
        assert refusals(emulator) == 0

    @pytest.mark.slow
    @on_this_machine_and_redis
    def test_a_canceled_call_gives_back_what_it_holds(self, rate_limiter: str, emulator: Emulator) -> None:
        async def call() -> None:
            client = AsyncFibonacci(emulator.api_key, base_url=emulator.base_url, rate_limiter=rate_limiter)
            await client.tools.get("calculator")
            stall = emulator.fail("GET /tools/{tool_name}", "stall", times=5)  # these are not counted
            calls = [asyncio.create_task(client.tools.get("calculator")) for _ in range(5)]
            while stall.delivered < 5:
                await asyncio.sleep(0.01)
            for task in calls:
                task.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            for _ in range(5):
                await client.with_options(timeout=10).tools.get("calculator")
            await client.aclose()

        asyncio.run(call())
        assert refusals(emulator) == 0

    def test_an_event_loop_does_not_wait_for_the_lock(self, folder: Path, emulator: Emulator) -> None:
        gaps: list[float] = []

        async def call() -> None:
            client = AsyncFibonacci(emulator.api_key, base_url=emulator.base_url, rate_limiter="machine")
            await client.tools.get("calculator")
            lock = FileLock(next(folder.glob("*/*.lock")))
            lock.acquire()
            task = asyncio.create_task(client.tools.get("calculator"))
            for _ in range(40):
                before = time.monotonic()
                await asyncio.sleep(0.005)
                gaps.append(time.monotonic() - before)
            assert not task.done()
            lock.release()
            await task
            await client.aclose()

        asyncio.run(call())
        assert sorted(gaps)[20] < 0.05

    @needs_fork
    @on_this_machine_and_redis
    @on_a_fork
    def test_a_fork_has_a_limiter_of_its_own_and_what_it_has_used_is_not_there(
        self, rate_limiter: str, emulator: Emulator
    ) -> None:
        client = client_of(emulator, rate_limiter, timeout=20)
        client.tools.get("calculator")
        child = fork(lambda: [client.tools.get("calculator") for _ in range(5)])
        assert os.waitpid(child, 0)[1] == 0
        began = time.monotonic()
        with pytest.raises(RateLimitError, match=r"0 of 6 left.*Nothing was sent") as caught:
            client.tools.get("calculator")
        assert time.monotonic() - began < 5
        assert caught.value.retry_after is not None
        assert 40 < caught.value.retry_after <= 62
        assert emulator.requests.count == 6
        client.reset_rate_limit()
        assert client.rate_limit is None
        with pytest.raises(RateLimitError):
            client.with_options(max_retries=0).tools.get("calculator")
        assert emulator.requests.count == 7  # it was sent

    @on_this_machine_and_redis
    def test_the_thread_ends_when_there_is_nothing_to_do(
        self, rate_limiter: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fibonacci._net.stored_limits._IDLE", 0.02)
        client = client_of(emulator, rate_limiter)
        name = f"fibonacci rate limiter of {emulator.base_url}"
        for _ in range(2):
            client.tools.get("calculator")
            ends = time.monotonic() + 10
            while any(thread.name == name for thread in threading.enumerate()):
                assert time.monotonic() < ends
                time.sleep(0.01)
