"""Limiters that processes share, as a user meets them. `python -m tests.limits` has the longer tests, with figures."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import pickle
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from fibonacci import APIConnectionError, AsyncFibonacci, ConfigurationError, Fibonacci, RateLimitError, WaitEvent
from fibonacci.emulator import Emulator
from tests.kit.mode import MODES, TWO_MODES, Mode, ModeName
from tests.kit.redis import REDIS_SERVERS, RedisServer
from tests.kit.systems import linux_only, needs_fork, needs_permissions
from tests.limits.processes import running
from tests.limits.worker import Work

PASSWORD = "swordfish-7"
ANY_PORT = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which the limiter of the machine keeps its files."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def redis_urls() -> Iterator[dict[str, str]]:
    """Return the URLs of a server of each kind."""
    first, second = (RedisServer(program, password=PASSWORD) for program in REDIS_SERVERS)
    with first.running(), second.running():
        yield dict(zip(REDIS_SERVERS, (first.url, second.url), strict=True))


@pytest.fixture(params=["machine", *REDIS_SERVERS])
def rate_limiter(request: pytest.FixtureRequest) -> str:
    """Return each limiter that processes share."""
    name: str = request.param
    return name if name == "machine" else str(request.getfixturevalue("redis_urls")[name])


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Return an emulator that admits 6 requests in a minute."""
    with Emulator(rate_limit=(6, 60.0)) as emulator:
        yield emulator


def client_of(emulator: Emulator, rate_limiter: str, **options: Any) -> Fibonacci:
    return Fibonacci(emulator.api_key, base_url=emulator.base_url, rate_limiter=rate_limiter, **options)


def refusals(emulator: Emulator) -> int:
    return sum(request.status == 429 for request in emulator.requests)


class TestSharing:
    def test_none_of_several_processes_is_refused(self, folder: Path) -> None:
        with Emulator(rate_limit=(8, 1.0)) as emulator:
            work = Work(emulator.base_url, emulator.api_key, "machine", threads=2, calls=3, seconds=20)
            with running([work] * 2, folder) as workers:
                workers.wait_until_ready()
                workers.begin()
                done = workers.done()
            assert [process.rows for process in done] == [[3, 3]] * 2
            assert refusals(emulator) == 0
            assert emulator.requests.count == 12

    def test_what_another_process_has_used_is_not_there(
        self, rate_limiter: str, folder: Path, emulator: Emulator
    ) -> None:
        work = Work(emulator.base_url, emulator.api_key, rate_limiter, threads=1, calls=6)
        with running([work], folder) as workers:
            workers.wait_until_ready()
            workers.begin()
            assert workers.done()[0].rows == [6]
        client, began = client_of(emulator, rate_limiter, timeout=20), time.monotonic()
        with pytest.raises(RateLimitError, match=r"0 of 6 left.*nothing was sent") as caught:
            client.tools.get("calculator")
        assert time.monotonic() - began < 5
        assert caught.value.retry_after is not None
        assert 40 < caught.value.retry_after <= 61
        assert emulator.requests.count == 6
        client.reset_rate_limit()
        assert client.rate_limit is None
        with pytest.raises(RateLimitError):
            client.with_options(max_retries=0).tools.get("calculator")
        assert emulator.requests.count == 7  # it was sent

    @pytest.mark.parametrize("name", MODES)
    def test_calls_at_the_same_time_are_all_sent_and_the_next_is_not(
        self, name: ModeName, rate_limiter: str, emulator: Emulator
    ) -> None:
        with Mode(name) as mode:
            client = mode.client(emulator.api_key, base_url=emulator.base_url, rate_limiter=rate_limiter, timeout=20)
            begun = [mode.begin(client.tools.get, "calculator") for _ in range(6)]
            assert [call.result(timeout=20).error for call in begun] == [None] * 6
            assert mode.end(client.tools.get, "calculator").api_error.attempts == 0
        assert emulator.requests.count == 6

    @pytest.mark.parametrize("name", TWO_MODES)
    def test_a_wait_is_reported_and_ends_with_its_client(self, name: ModeName, emulator: Emulator) -> None:
        events: list[WaitEvent] = []
        with Mode(name) as mode:
            client = mode.client(
                emulator.api_key, base_url=emulator.base_url, rate_limiter="machine", timeout=100, on_wait=events.append
            )
            for _ in range(6):
                mode.run(client.tools.get("calculator"))
            waiting = mode.begin(client.tools.get, "calculator")
            while not events:
                time.sleep(0.01)
            mode.run(client.aclose() if mode.is_async else client.close())
            assert "client was closed" in str(waiting.result(timeout=5).error)
        assert [event.reason for event in events] == ["rate_limit"]
        assert 50 < events[0].seconds <= 61

    def test_one_event_loop_after_another(self, rate_limiter: str, emulator: Emulator) -> None:
        client = AsyncFibonacci(emulator.api_key, base_url=emulator.base_url, rate_limiter=rate_limiter)

        async def call() -> None:
            await asyncio.gather(*(client.tools.get("calculator") for _ in range(2)))
            await client.aclose()

        for _ in range(3):
            asyncio.run(call())
        assert refusals(emulator) == 0

    @pytest.mark.slow
    def test_a_canceled_call_gives_back_what_it_holds(self, rate_limiter: str, emulator: Emulator) -> None:
        async def call() -> None:
            client = AsyncFibonacci(emulator.api_key, base_url=emulator.base_url, rate_limiter=rate_limiter)
            await client.tools.get("calculator")
            stall = emulator.fail("GET /tools/{name}", "stall", times=5)  # these are not counted
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
        assert emulator.requests.count == 3

    def test_the_thread_ends_when_there_is_nothing_to_do(
        self, rate_limiter: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fibonacci._net.lease_thread._IDLE", 0.02)
        client = client_of(emulator, rate_limiter)
        name = f"fibonacci rate limiter of {emulator.base_url}"
        for _ in range(2):
            client.tools.get("calculator")
            ends = time.monotonic() + 10
            while any(thread.name == name for thread in threading.enumerate()):
                assert time.monotonic() < ends
                time.sleep(0.01)


class TestFailures:
    def test_a_server_that_comes_back_in_time_ends_the_wait(self, emulator: Emulator) -> None:
        server, events = RedisServer(password=PASSWORD), list[WaitEvent]()
        with Mode("asyncio") as mode:
            client = mode.client(
                emulator.api_key, base_url=emulator.base_url, rate_limiter=server.url, on_wait=events.append
            )
            with server.running():
                mode.run(client.tools.get("calculator"))
            waiting = mode.begin(client.tools.get, "calculator")
            while not events:
                time.sleep(0.01)
            assert emulator.requests.count == 1
            with server.running():
                assert waiting.result(timeout=20).error is None
        assert [(event.seconds, event.reason) for event in events] == [(30.0, "rate_limit")]
        assert refusals(emulator) == 0

    def test_one_that_does_not_is_an_error_and_nothing_is_sent(self, mode: Mode, emulator: Emulator) -> None:
        server = RedisServer(password=PASSWORD)
        client = mode.client(emulator.api_key, base_url=emulator.base_url, rate_limiter=server.url, timeout=0.5)
        error = mode.end(client.tools.get, "calculator").api_error
        assert type(error) is APIConnectionError
        assert f"redis://127.0.0.1:{server.port}/0 cannot be used" in str(error)
        assert "nothing was sent" in str(error)
        assert PASSWORD not in repr(error)
        assert PASSWORD not in repr(client)
        assert emulator.requests.count == 0

    def test_waiting_has_an_end_without_a_timeout_too(
        self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = client_of(emulator, RedisServer().url, timeout=None)
        client.with_options(timeout=5)
        monkeypatch.setattr("fibonacci._sync.rate_limit_wait._PATIENCE", 0.2)
        with pytest.raises(APIConnectionError, match="cannot be used"):
            client.tools.get("calculator")

    def test_a_system_that_has_no_thread_left(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        client = client_of(emulator, "machine", timeout=0.3)

        def start(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as context:
            context.setattr(threading.Thread, "start", start)
            with pytest.raises(APIConnectionError, match="has no thread: can't start new thread; nothing was sent"):
                client.tools.get("calculator")
        assert client.with_options(timeout=10).tools.get("calculator").name == "calculator"

    def test_a_wrong_password_is_an_error_at_once(self, redis_urls: dict[str, str], emulator: Emulator) -> None:
        client = client_of(emulator, redis_urls["redis-server"].replace(PASSWORD, "another-word"))
        began = time.monotonic()
        with pytest.raises(APIConnectionError, match="nothing was sent") as caught:
            client.tools.get("calculator")
        assert time.monotonic() - began < 5
        assert "another-word" not in str(caught.value)

    @needs_permissions
    def test_a_folder_that_cannot_be_written(self, folder: Path, emulator: Emulator) -> None:
        folder.chmod(0o500)
        is_root = os.geteuid() == 0
        try:
            if is_root:
                os.seteuid(65534)  # root may write everywhere
            with pytest.raises(APIConnectionError, match=r"Permission denied.*nothing was sent"):
                client_of(emulator, "machine").tools.get("calculator")
        finally:
            if is_root:
                os.seteuid(0)
            folder.chmod(0o700)
        assert emulator.requests.count == 0

    @needs_permissions
    def test_a_folder_that_others_may_use(self, folder: Path, emulator: Emulator) -> None:
        (folder / f"fibonacci-{os.getuid()}").mkdir(mode=0o755)
        with pytest.raises(APIConnectionError, match="must belong to this user, with mode 0700"):
            client_of(emulator, "machine").tools.get("calculator")
        assert emulator.requests.count == 0

    def test_a_folder_that_the_environment_names_later_is_not_used(
        self, tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = client_of(emulator, "machine")
        client.tools.get("calculator")
        (other := tmp_path / "other").mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(other))
        client.tools.get("calculator")
        assert list(other.iterdir()) == []

    @linux_only
    def test_a_full_disk(self, folder: Path, emulator: Emulator) -> None:
        client = client_of(emulator, "machine")
        client.tools.get("calculator")
        (file,) = folder.glob("*/*.json")
        file.with_suffix(".new").symlink_to("/dev/full")
        with pytest.raises(APIConnectionError, match=os.strerror(errno.ENOSPC)):
            client.with_options(timeout=0.5).tools.get("calculator")
        file.with_suffix(".new").unlink()
        client.tools.get("calculator")
        assert emulator.requests.count == 2

    def test_a_folder_that_is_removed_is_made_again_for_this_user_alone(self, folder: Path, emulator: Emulator) -> None:
        client = client_of(emulator, "machine")
        client.tools.get("calculator")
        (private,) = folder.iterdir()
        for name in list(private.iterdir()):
            name.unlink()
        private.rmdir()
        client.tools.get("calculator")
        if os.name != "nt":
            assert private.stat().st_mode & 0o777 == 0o700
        assert refusals(emulator) == 0

    def test_a_state_with_values_of_other_types_is_begun_again(self, folder: Path, emulator: Emulator) -> None:
        client = client_of(emulator, "machine")
        client.tools.get("calculator")
        (file,) = folder.glob("*/*.json")
        state = json.loads(file.read_text())
        file.write_text(json.dumps({**state, "_window": {**state["_window"], "_resets_at": []}}))
        client.with_options(timeout=5).tools.get("calculator")
        assert refusals(emulator) == 0

    @pytest.mark.parametrize("text", ["{", '{"saved_at": 0}'])
    def test_a_damaged_file_is_begun_again(self, text: str, folder: Path, emulator: Emulator) -> None:
        client = client_of(emulator, "machine")
        client.tools.get("calculator")
        (file,) = folder.glob("*/*.json")
        file.write_text(text)
        client.tools.get("calculator")
        assert refusals(emulator) == 0

    def test_a_lock_that_is_never_free(self, folder: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fibonacci._net.file_store._LOCKED_WITHIN", 0.2)
        client = client_of(emulator, "machine")
        client.tools.get("calculator")
        with FileLock(next(folder.glob("*/*.lock"))), pytest.raises(APIConnectionError, match=r"has held .* for 0.2 s"):
            client.with_options(timeout=0.5).tools.get("calculator")
        assert emulator.requests.count == 1


class TestOptions:
    def test_nothing_shows_the_key_or_can_be_read_by_others(self, folder: Path, emulator: Emulator) -> None:
        client_of(emulator, "machine").tools.get("calculator")
        (private,) = folder.iterdir()
        files = list(private.iterdir())
        assert len(files) == 2
        assert not any(emulator.api_key in file.name or emulator.api_key in file.read_text() for file in files)
        if os.name != "nt":
            assert private.stat().st_mode & 0o777 == 0o700
            assert {file.stat().st_mode & 0o777 for file in files} == {0o600}

    def test_the_environment_names_the_limiter(
        self, folder: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIBONACCI_RATE_LIMITER", "machine")
        Fibonacci(emulator.api_key, base_url=emulator.base_url).tools.get("calculator")
        assert list(folder.iterdir())

    def test_a_client_is_pickled_with_its_limiter(
        self, rate_limiter: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = client_of(emulator, rate_limiter)
        client.tools.get("calculator")
        pickle.loads(pickle.dumps(client)).tools.get("calculator")
        assert client.rate_limit is not None
        assert client.rate_limit.remaining == 4  # they share one limiter

    def test_a_password_from_the_environment_is_not_pickled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_RATE_LIMITER", f"redis://:{PASSWORD}@localhost:1/0")
        for client in (Fibonacci("key"), Fibonacci("key").with_options(timeout=1)):
            pickled = pickle.dumps(client)
            assert PASSWORD.encode() not in pickled
            pickle.loads(pickled)
            with monkeypatch.context() as context:
                context.delenv("FIBONACCI_RATE_LIMITER")
                with pytest.raises(ConfigurationError, match="FIBONACCI_RATE_LIMITER"):
                    pickle.loads(pickled)

    @pytest.mark.parametrize(
        ("rate_limiter", "package", "modules", "extra"),
        [
            ("machine", "filelock", ("fibonacci._net.file_store",), "machine"),
            (ANY_PORT, "redis", ("fibonacci._net.redis_store", "fibonacci._net.redis_client"), "redis"),
        ],
    )
    def test_a_missing_package_is_named_when_the_client_is_made(
        self, rate_limiter: str, package: str, modules: tuple[str, ...], extra: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, package, None)
        for module in modules:
            monkeypatch.delitem(sys.modules, module, raising=False)
        with pytest.raises(ImportError, match=rf"pip install 'fibonacci-sdk\[{extra}\]'"):
            Fibonacci("key", rate_limiter=rate_limiter)
