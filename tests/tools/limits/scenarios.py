"""What processes that share a limiter are put through, and what has to hold."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fibonacci.emulator import Emulator
from tests.kit.redis import REDIS_SERVERS, RedisServer
from tests.tools.limits.processes import RunningWork, Served, running
from tests.tools.limits.worker import Work, WorkDone

LIMITERS = ("machine", *REDIS_SERVERS)
# The share of the plan that an outsider uses, at even intervals.
_OUTSIDE = 0.1
_AS_LONG_AS_IT_TAKES = 600.0


@dataclass(frozen=True)
class Contention:
    """Processes that call for as long as they can.

    Attributes:
        limit: Requests in a window.
        window: Seconds of a window.
        windows: For how many windows they call.
        processes: How many there are.
        threads: How many threads each has.
    """

    limit: int
    window: float
    windows: float
    processes: int = 8
    threads: int = 4

    @property
    def seconds(self) -> float:
        """For how long they call."""
        return self.window * self.windows


@dataclass(frozen=True)
class Figures:
    """What came of it: what the server and the processes say."""

    served: Served
    done: list[WorkDone]

    @property
    def rows(self) -> list[int]:
        """The successful calls of each thread."""
        return [number for process in self.done for number in process.rows]

    @property
    def errors(self) -> list[tuple[str, str]]:
        """The errors of all calls."""
        return [error for process in self.done for error in process.errors]

    @property
    def unfairness(self) -> float:
        """The most calls of a thread, relative to the fewest."""
        return max(self.rows) / max(1, min(self.rows))


@contextmanager
def limiter_named(name: str) -> Generator[tuple[str, RedisServer | None]]:
    """Yield the option of the client, and the server if there is one."""
    if name not in REDIS_SERVERS:
        yield name, None
        return
    server = RedisServer(name)
    with server.running():
        yield server.url, server


def measure(name: str, profile: Contention, *, has_outsider: bool = False) -> Figures:
    """Let processes call with a limiter, alone or beside another program with the same key."""
    with limiter_named(name) as (option, _), _emulator(profile) as emulator, _workers(emulator, option, profile) as own:
        outsider = Work(
            emulator.base_url,
            emulator.api_key,
            "off",
            threads=1,
            seconds=profile.seconds,
            pause=profile.window / (profile.limit * _OUTSIDE),
            is_outsider=True,
        )
        with running([outsider] * has_outsider, Path()) as others:
            others.wait_until_ready()
            own.wait_until_ready()
            # The first window is used up, so that all wait for the second: who begins first would take the rest of it.
            work = _work(emulator, option, profile, threads=1, calls=profile.limit)
            with running([replace(work, seconds=_AS_LONG_AS_IT_TAKES)], own.folder) as first:
                first.wait_until_ready()
                first.begin()
                while sum(request.status != 429 for request in emulator.requests) < profile.limit:
                    if not first.is_at_work:
                        raise RuntimeError(f"{name}: the first window was not used up: {first.done()}")
                    time.sleep(0.01)
                own.begin()
                others.begin()
                done = own.done()
        return Figures(Served.by(emulator, profile.window), done)


def start_together(name: str, profile: Contention) -> Figures:
    """Let processes call in the first window, each as soon as it has started."""
    with limiter_named(name) as (option, _), _emulator(profile) as emulator, tempfile.TemporaryDirectory() as folder:
        work = replace(_work(emulator, option, profile, threads=profile.threads), is_warm=False)
        with running([work] * profile.processes, Path(folder)) as own, ThreadPoolExecutor(profile.processes) as pool:
            list(pool.map(own.begin_one, own.processes))
            done = own.done()
        return Figures(Served.by(emulator, profile.window), done)


def kill_holders(name: str, profile: Contention) -> Figures:
    """Kill half of the processes in the middle of their work, with requests in flight."""
    with limiter_named(name) as (option, _), _emulator(profile) as emulator, _workers(emulator, option, profile) as own:
        emulator.fail("GET /tools/{tool_name}", "delay", seconds=0.2, times=None)
        own.wait_until_ready()
        own.begin()
        killed = own.processes[: len(own.processes) // 2]
        for number, process in enumerate(killed):
            timer = threading.Timer(0.2 + number * 0.3, os.kill, (process.pid, signal.SIGKILL))
            timer.start()
        done = own.done()
        return Figures(Served.by(emulator, profile.window), done)


def restart_server(name: str, profile: Contention) -> Figures:
    """Kill the server of the limiter in the middle of the work, and start it again, empty, a second later."""
    server = RedisServer(name)
    with _emulator(profile) as emulator, _workers(emulator, server.url, profile) as own:
        pause = threading.Event()
        with server.running():
            own.wait_until_ready()
            own.begin()
            pause.wait(profile.seconds / 3)
        pause.wait(1.0)
        with server.running():
            done = own.done()
        return Figures(Served.by(emulator, profile.window), done)


def cost(name: str, calls: int) -> float:
    """Return the seconds of the processor that a call takes, in a process with one thread and no limit to wait for."""
    with (
        tempfile.TemporaryDirectory() as folder,
        limiter_named(name) as (option, _),
        Emulator(rate_limit=(10_000_000, 60.0)) as emulator,
    ):
        work = Work(emulator.base_url, emulator.api_key, option, threads=1, seconds=60, calls=calls)
        with running([work], Path(folder)) as workers:
            workers.wait_until_ready()
            workers.begin()
            (done,) = workers.done()
    return done.cpu / done.rows[0]


@contextmanager
def _emulator(profile: Contention) -> Generator[Emulator]:
    with Emulator(rate_limit=(profile.limit, profile.window)) as emulator:
        yield emulator


@contextmanager
def _workers(emulator: Emulator, option: str, profile: Contention) -> Generator[RunningWork]:
    work = _work(emulator, option, profile, threads=profile.threads)
    with tempfile.TemporaryDirectory() as folder, running([work] * profile.processes, Path(folder)) as workers:
        yield workers


def _work(emulator: Emulator, option: str, profile: Contention, *, threads: int, calls: int = 1_000_000) -> Work:
    return Work(
        emulator.base_url,
        emulator.api_key,
        option,
        threads=threads,
        calls=calls,
        seconds=profile.seconds,
        timeout=2 * profile.window + 30,
        is_warm=True,
    )
