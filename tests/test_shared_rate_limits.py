"""Limiters that processes share, as a user meets them: real processes, a real lock, Redis and Valkey."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fibonacci import AsyncFibonacci, Fibonacci, RateLimitError
from fibonacci.emulator import Emulator
from tests.kit.mode import MODES, Mode, ModeName
from tests.kit.redis import REDIS_SERVERS, RedisServer
from tests.kit.systems import needs_fork, needs_signals
from tests.limits.processes import Served, running
from tests.limits.worker import Work


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which the limiter of the machine keeps its files."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def redis_urls() -> Iterator[dict[str, str]]:
    """Return the URLs of a server of each kind."""
    first, second = (RedisServer(program) for program in REDIS_SERVERS)
    with first.running(), second.running():
        yield dict(zip(REDIS_SERVERS, (first.url, second.url), strict=True))


@pytest.fixture(params=["machine", *REDIS_SERVERS])
def rate_limiter(request: pytest.FixtureRequest) -> str:
    """Return each limiter that processes share."""
    name: str = request.param
    return name if name == "machine" else request.getfixturevalue("redis_urls")[name]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Return an emulator that admits 6 requests in 2 seconds."""
    with Emulator(rate_limit=(6, 2.0)) as emulator:
        yield emulator


def client_of(emulator: Emulator, rate_limiter: str, timeout: float = 15) -> Fibonacci:
    return Fibonacci(emulator.api_key, base_url=emulator.base_url, rate_limiter=rate_limiter, timeout=timeout)


def refusals(emulator: Emulator) -> int:
    return sum(request.status == 429 for request in emulator.requests)


class TestProcesses:
    def test_none_is_refused_and_turns_are_fair(self, rate_limiter: str, folder: Path) -> None:
        with Emulator(rate_limit=(12, 2.0)) as emulator:
            work = Work(emulator.base_url, emulator.api_key, rate_limiter, threads=2, seconds=3.9)
            with running([work] * 3, folder) as workers:
                workers.begin()
                done = workers.done()
            served = Served.by(emulator, 2.0)
        rows = [number for process in done for number in process.rows]
        assert [process.errors for process in done] == [[]] * 3
        assert served.refused == 0
        assert sum(rows) >= 24
        assert max(rows) <= 2 * min(rows), rows

    @needs_signals
    def test_what_a_killed_process_held_lapses(self, rate_limiter: str, folder: Path, emulator: Emulator) -> None:
        emulator.fail("GET /tools/{name}", "delay", seconds=30, times=None)
        work = Work(emulator.base_url, emulator.api_key, rate_limiter, threads=3)
        with running([work], folder) as workers:
            workers.begin()
            while emulator.requests.count < 2:
                time.sleep(0.01)
            os.kill(workers.processes[0].pid, signal.SIGKILL)
        emulator.failures.clear()
        with client_of(emulator, rate_limiter) as client:
            for _ in range(7):
                client.tools.get("calculator")
        assert refusals(emulator) == 0

    def test_a_wait_that_another_process_has_caused_is_refused_at_once_if_it_is_too_long(
        self, rate_limiter: str, folder: Path
    ) -> None:
        with Emulator(rate_limit=(3, 30.0)) as emulator:
            work = Work(emulator.base_url, emulator.api_key, rate_limiter, threads=1, calls=3)
            with running([work], folder) as workers:
                workers.begin()
                assert workers.done()[0].rows == [3]
            client, began = client_of(emulator, rate_limiter, timeout=10), time.monotonic()
            with pytest.raises(RateLimitError, match=r"0 of 3 left.*nothing was sent") as caught:
                client.tools.get("calculator")
            assert time.monotonic() - began < 2
            assert caught.value.retry_after is not None
            assert 20 < caught.value.retry_after <= 31
            assert emulator.requests.count == 3
            client.reset_rate_limit()
            assert client.rate_limit is None
            with pytest.raises(RateLimitError):
                client.with_options(max_retries=0).tools.get("calculator")
            assert emulator.requests.count == 4  # it was sent


class TestModes:
    @pytest.mark.parametrize("name", MODES)
    def test_calls_at_the_same_time_wait_for_the_next_window(
        self, name: ModeName, rate_limiter: str, emulator: Emulator
    ) -> None:
        with Mode(name) as mode:
            client = mode.client(emulator.api_key, base_url=emulator.base_url, rate_limiter=rate_limiter)
            begun = [mode.begin(client.tools.get, "calculator") for _ in range(8)]
            ended = [call.result(timeout=20) for call in begun]
        assert [call.error for call in ended] == [None] * 8
        assert refusals(emulator) == 0

    def test_a_client_is_used_in_one_event_loop_after_another(self, rate_limiter: str, emulator: Emulator) -> None:
        client = AsyncFibonacci(emulator.api_key, base_url=emulator.base_url, rate_limiter=rate_limiter)

        async def call() -> None:
            await asyncio.gather(*(client.tools.get("calculator") for _ in range(2)))
            await client.aclose()

        for _ in range(3):
            asyncio.run(call())
        assert refusals(emulator) == 0

    def test_a_canceled_call_gives_back_what_it_holds(self, rate_limiter: str) -> None:
        async def call(emulator: Emulator) -> None:
            client = AsyncFibonacci(emulator.api_key, base_url=emulator.base_url, rate_limiter=rate_limiter)
            await client.tools.get("calculator")
            waiting = [asyncio.create_task(client.tools.get("calculator")) for _ in range(5)]
            while emulator.requests.count < 3:
                await asyncio.sleep(0.01)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            await asyncio.wait_for(client.tools.get("calculator"), 10)
            await client.aclose()

        with Emulator(rate_limit=(3, 2.0)) as emulator:
            asyncio.run(call(emulator))
            assert refusals(emulator) == 0

    @needs_fork
    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_a_fork_has_a_limiter_of_its_own(self, rate_limiter: str, emulator: Emulator) -> None:
        client = client_of(emulator, rate_limiter)
        client.tools.get("calculator")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = int(client.tools.get("calculator").name != "calculator")
            finally:
                os._exit(code)
        client.tools.get("calculator")
        assert os.waitpid(child, 0)[1] == 0
        assert refusals(emulator) == 0

    def test_the_thread_ends_when_there_is_nothing_to_do(
        self, rate_limiter: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fibonacci._net.lease_thread._IDLE", 0.02)
        client = client_of(emulator, rate_limiter)
        for _ in range(2):
            client.tools.get("calculator")
            ends = time.monotonic() + 5
            while any(thread.name == "fibonacci rate limiter" for thread in threading.enumerate()):
                assert time.monotonic() < ends
                time.sleep(0.01)


def test_nothing_shows_the_key_or_can_be_read_by_others(folder: Path, emulator: Emulator) -> None:
    client_of(emulator, "machine").tools.get("calculator")
    (private,) = folder.iterdir()
    files = list(private.iterdir())
    assert len(files) == 2
    assert not any(emulator.api_key in file.name or emulator.api_key in file.read_text() for file in files)
    if os.name != "nt":
        assert private.stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_the_environment_names_the_limiter(folder: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBONACCI_RATE_LIMITER", "machine")
    options: dict[str, Any] = {"base_url": emulator.base_url}
    Fibonacci(emulator.api_key, **options).tools.get("calculator")
    assert list(folder.iterdir())
