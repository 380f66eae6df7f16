"""Calls in a process that may have few files open; run by `test_descriptors.py`, which reads what it prints.

It prints a line for each mode that it is given.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from importlib import import_module
from typing import Any, cast

from fibonacci import WaitEvent
from tests.kit.clock import Standstill
from tests.kit.mode import Ended, Mode, ModeName

LIMIT = 64
CALLS = 100


class UsedUp:
    """Uses up all file descriptors while the block runs."""

    def __enter__(self) -> None:
        self._copies: list[int] = []
        with suppress(OSError):
            while True:
                self._copies.append(os.dup(0))

    def __exit__(self, *_: object) -> None:
        for copy in self._copies:
            os.close(copy)


def text_of(ended: Ended) -> str:
    """Return how a call ended in a few words."""
    if ended.error is None:
        return "answered"
    cause = ended.error.__cause__
    number = cause.errno if isinstance(cause, OSError) else cause
    return f"{type(ended.error).__name__}, errno {number}, outcome unknown: {ended.api_error.outcome_unknown}"


def many(mode: Mode, client: Any) -> dict[str, Any]:
    """Make many calls at once."""
    cpu, began = time.process_time(), time.monotonic()
    calls = [mode.begin(client.request, "GET", "/x") for _ in range(CALLS)]
    outcomes = Counter(text_of(call.result()) for call in calls)
    return {"outcomes": outcomes, "cpu": time.process_time() - cpu, "seconds": time.monotonic() - began}


def used_up(mode: Mode, client: Any, other: Any) -> dict[str, Any]:
    """Call while no descriptor is left: until the time is up, for 0.3 s, and beside idle connections."""
    with UsedUp():
        late = mode.end(client.with_options(timeout=0.2).request, "POST", "/late")
    with UsedUp():
        call = mode.begin(client.request, "POST", "/x")
        cpu = time.process_time()
        time.sleep(0.3)
        cpu = time.process_time() - cpu
    waited = call.result()
    with UsedUp():  # of the other server's connection, which is idle, the descriptor can be had
        beside = mode.end(other.request, "POST", "/x")
    results = {"late": late, "waited": waited, "beside": beside}
    return {"cpu": cpu, **{name: [text_of(ended), ended.seconds] for name, ended in results.items()}}


def main() -> None:
    import resource  # not on Windows, where the test that starts this is collected too

    names, what, base_url, other_url, ca_bundle = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    for name in names.split(","):
        result = report(cast("ModeName", name), what, base_url, other_url, ca_bundle)
        print(json.dumps(result))


def report(name: ModeName, what: str, base_url: str, other_url: str, ca_bundle: str) -> dict[str, Any]:
    """Make the calls in one mode; return how they end."""
    with Mode(name, threads=CALLS) as mode, Standstill() as standstill:
        transport = mode.socket_transport(ca_bundle=ca_bundle or None)
        waits: list[WaitEvent] = []
        options = {"transport": transport, "on_wait": waits.append}
        client, other = (mode.client(f"key-{name}", base_url=url, **options) for url in (base_url, other_url))
        if what == "many":
            return many(mode, client)
        for one in (client, other):
            mode.run(one.request("GET", "/x"))
        mode.close(transport)
        for half in ("_async", "_sync"):
            vars(import_module(f"fibonacci.{half}.transports.socket_transport")).update(_REPORTED_AFTER=0.1)
        ended = used_up(mode, client, other)
        return {**ended, "told": [wait.path for wait in waits], "standstill": standstill.seconds}


if __name__ == "__main__":
    main()
