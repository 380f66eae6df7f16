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

PROCESS = "x-process"


@dataclass(frozen=True)
class Work:
    """What a process does.

    Attributes:
        base_url: Where it calls.
        api_key: With which key.
        rate_limiter: The option of its client.
        threads: How many threads call.
        seconds: For how long calls are begun; those that wait then are ended.
        calls: How many calls each thread makes at the most.
        pause: Seconds between two calls of a thread.
        timeout: The time of each call.
        is_warm: Whether it calls once before it begins; else the process that is ready first takes the first window.
        number: The process's own number, which its requests state.
    """

    base_url: str
    api_key: str
    rate_limiter: str
    threads: int = 4
    seconds: float = 5.0
    calls: int = 1_000_000
    pause: float = 0.0
    timeout: float = 60.0
    is_warm: bool = False
    number: int = 0


@dataclass(frozen=True)
class WorkDone:
    """What became of it.

    Attributes:
        rows: The successful calls of each thread.
        errors: The types of the errors of the others, and their texts.
        cpu: Seconds of the processor that the work took.
    """

    rows: list[int]
    errors: list[tuple[str, str]]
    cpu: float


def work(what: Work) -> WorkDone:
    """Do it."""
    rows, errors = [0] * what.threads, list[tuple[str, str]]()
    client = Fibonacci(
        what.api_key,
        base_url=what.base_url,
        rate_limiter=what.rate_limiter,
        timeout=what.timeout,
        headers={PROCESS: str(what.number)},
    )

    def call(thread: int) -> None:
        for _ in range(what.calls):
            if time.monotonic() >= ends:
                return
            try:
                client.request("GET", "/tools/calculator")
            except FibonacciError as error:
                errors.append((type(error).__name__, str(error)))
            else:
                rows[thread] += 1
            time.sleep(what.pause)

    logging.getLogger("fibonacci").setLevel(logging.ERROR)  # they wait, and each would say so
    if what.is_warm:
        client.request("GET", "/tools/calculator")  # connections are open, and what is imported late is imported
    print("ready", flush=True)
    sys.stdin.readline()
    before, ends = time.process_time(), time.monotonic() + what.seconds
    threads = [threading.Thread(target=call, args=[thread], daemon=True) for thread in range(what.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends + 0.5 - time.monotonic()))
    return WorkDone(rows, list(errors), time.process_time() - before)


if __name__ == "__main__":
    print(json.dumps(asdict(work(Work(**json.loads(sys.argv[1]))))), flush=True)
