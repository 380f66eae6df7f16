"""A process of a measurement: threads that call again and again, until the time is over.

python worker.py '{"base_url": ..., "api_key": ..., "rate_limiter": ..., "threads": 4, ...}'

It prints `ready`, begins at the next line of its input, and prints what became of its calls.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from dataclasses import asdict, dataclass

from fibonacci import Fibonacci, FibonacciError


@dataclass(frozen=True)
class Work:
    """What a process does.

    Attributes:
        base_url: Where it calls.
        api_key: With which key.
        rate_limiter: The option of its client.
        threads: How many threads call.
        seconds: For how long calls are begun; those that wait then are ended.
        timeout: The time of each call.
    """

    base_url: str
    api_key: str
    rate_limiter: str
    threads: int = 4
    seconds: float = 5.0
    timeout: float = 60.0


@dataclass(frozen=True)
class WorkDone:
    """What became of it.

    Attributes:
        errors: The types of the errors of the calls that failed, and their texts.
    """

    errors: list[tuple[str, str]]


def work(what: Work) -> WorkDone:
    """Do it."""
    errors = list[tuple[str, str]]()
    client = Fibonacci(what.api_key, base_url=what.base_url, rate_limiter=what.rate_limiter, timeout=what.timeout)

    def call() -> None:
        while time.monotonic() < ends:
            try:
                client.request("GET", "/tools/calculator")
            except FibonacciError as error:
                errors.append((type(error).__name__, str(error)))

    logging.getLogger("fibonacci").setLevel(logging.ERROR)  # they wait, and each would say so
    print("ready", flush=True)
    sys.stdin.readline()
    ends = time.monotonic() + what.seconds
    threads = [threading.Thread(target=call, daemon=True) for _ in range(what.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends + 0.5 - time.monotonic()))
    return WorkDone(list(errors))


if __name__ == "__main__":
    print(json.dumps(asdict(work(Work(**json.loads(sys.argv[1]))))), flush=True)
