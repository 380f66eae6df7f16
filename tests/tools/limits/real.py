"""Real processes that share a rate limit, before a server of this process that counts, rounds, and takes its time."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from tests.core.simulated_server import SimulatedServer
from tests.kit.peer import Peer
from tests.kit.redis import REDIS_SERVERS, RedisServer
from tests.kit.server import ScriptedServer
from tests.kit.steps import OK_BODY, error_body, respond
from tests.tools.limits.processes import RunningWork, running
from tests.tools.limits.simulated import ROUNDINGS, Contention
from tests.tools.limits.worker import Work

LIMITERS = ("machine", *REDIS_SERVERS)
_LIMIT = 60
_THREADS = 128


class RealOutcome(NamedTuple):
    """What came of it.

    Attributes:
        sent: How many requests were sent.
        refused: How many of them were refused.
        used: The part of the requests of the windows that was used, but for the first and the last window.
        errors: The errors of all calls.
    """

    sent: int
    refused: int
    used: float
    errors: list[tuple[str, str]]


class _Limit:
    """The limit of a real server, as a simulated one counts it."""

    def __init__(self, case: Contention) -> None:
        self.server = SimulatedServer(
            _LIMIT,
            case.window,
            is_aligned=case.is_aligned,
            skew=random.uniform(0, 1000),
            rounding=ROUNDINGS[case.rounding],
            has_retry_after=False,
        )
        self._longest = case.longest
        self._lock = threading.Lock()

    def step(self, peer: Peer) -> None:
        with self._lock:
            response = self.server.receive(time.monotonic())
        if response(time.monotonic()).status == 200:
            peer.pause(random.uniform(0, self._longest))
        made = response(time.monotonic())
        body = OK_BODY if made.status == 200 else error_body("rate_limited")
        respond(made.status, body, dict(made.headers))(peer)

    @property
    def used(self) -> float:
        windows = sorted(self.server.admitted)[1:-1]
        return sum(self.server.admitted[end] for end in windows) / (_LIMIT * max(1, len(windows)))


@contextmanager
def limiter_named(name: str) -> Generator[str]:
    """Yield the option of the client, while its server runs if there is one."""
    if name not in REDIS_SERVERS:
        yield name
        return
    server = RedisServer(name)
    with server.running():
        yield server.url


def contend(name: str, case: Contention, windows: int, *, loses_state: bool = False) -> RealOutcome:
    """Let processes call for as long as they can.

    Args:
        name: The limiter.
        case: What they meet.
        windows: For how many windows.
        loses_state: Whether the server of the limiter is emptied in the middle.
    """
    limit = _Limit(case)
    threads, seconds = _THREADS // case.processes, windows * case.window
    with (
        limiter_named(name) as option,
        ScriptedServer(limit.step) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        work = Work(server.base_url, server.api_key, option, threads, seconds, timeout=2 * case.window + 60)
        with running([work] * case.processes, Path(folder)) as own:
            own.wait_until_ready()
            own.begin()
            began = time.monotonic()
            _disturb(own, case, work, began, option if loses_state else "")
            done = own.done()
    errors = [error for process in done for error in process.errors]
    sent = sum(limit.server.admitted.values()) + limit.server.refused
    return RealOutcome(sent, limit.server.refused, limit.used, errors)


def _disturb(own: RunningWork, case: Contention, work: Work, began: float, redis_url: str) -> None:
    """Kill a process again and again, and let another one take its place. Or empty the server of the limiter."""
    ends = began + work.seconds
    if redis_url:
        time.sleep(work.seconds / 2)
        redis: Any = import_module("redis")
        redis.Redis.from_url(redis_url).flushall()
    while case.kills and time.monotonic() + case.kills < ends:
        time.sleep(case.kills)
        own.replace_one(replace(work, seconds=ends - time.monotonic()))
