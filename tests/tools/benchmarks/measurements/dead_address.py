"""A connection to a host of two addresses, the first of which never responds: seconds until the response.

On the clock, for the time is spent waiting. A server whose backlog is full is the dead address, which takes Linux.
"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from textwrap import dedent
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.faults.black_holes import BlackHole
from tests.tools.benchmarks.bench import skipped
from tests.tools.benchmarks.figures import FigureRow, rows
from tests.tools.benchmarks.subjects import ASYNC

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench
    from tests.tools.benchmarks.subjects import Subject

SHOWN = ("fibonacci", "httpx", "aiohttp")
FIRST = "connection to a host with one dead address"
NEXT = "the next connection to it"
NAME = "two-addresses.localhost"
# What resolves the name; the dead address comes later, so that nothing is measured that a process does once.
NAME_SERVICE = dedent(f"""\
    import socket
    addresses = ["127.0.0.1"]
    resolve = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **options):
        if host not in ("{NAME}", b"{NAME}"):
            return resolve(host, port, *args, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (one, int(port))) for one in addresses]

    def add_dead_address(host):
        addresses.insert(0, host)

    socket.getaddrinfo = getaddrinfo
""")


def measure(bench: Bench) -> list[FigureRow]:
    """With a new process each time, for a client may remember what responded."""
    if sys.platform != "linux":
        return []
    samples: dict[str, dict[str, list[float]]] = {FIRST: {}, NEXT: {}}
    port = urlsplit(bench.url).port or 0
    subjects = {name: replace(ASYNC[name], imports=f"{NAME_SERVICE}{ASYNC[name].imports}") for name in SHOWN}
    with BlackHole(port=port) as hole:
        here = replace(bench, url=f"http://{NAME}:{port}")
        for _ in range(bench.runs(3, 9)):
            for name, subject in list(subjects.items()):
                try:
                    first, following = _run(here, subject, hole.host)
                except RuntimeError as reason:
                    skipped(name, reason)
                    del subjects[name]
                else:
                    samples[FIRST].setdefault(name, []).append(first)
                    samples[NEXT].setdefault(name, []).append(following)
    return [row for measurement, values in samples.items() for row in rows(measurement, "s", values, "httpx")]


def _run(bench: Bench, subject: Subject, dead: str) -> tuple[float, float]:
    """Return the seconds of the first call to the dead address, and of the next by a new client."""
    with closing(bench.worker(subject)) as worker:
        worker.run("calls", number=1)
        worker.run("add_dead_address", host=dead)
        seconds: list[float] = []
        for _ in range(2):
            worker.run("forget")
            seconds.append(worker.run("calls", number=1).wall)
        return seconds[0], seconds[1]
