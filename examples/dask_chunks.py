"""Rows in chunks on a Dask cluster. When a worker is killed, another continues its chunk, and no row runs twice.

    pip install 'fibonacci-sdk[machine]' distributed && fibonacci dev -- python dask_chunks.py

Start a scheduler and workers (`dask scheduler`, `dask worker tcp://127.0.0.1:8786 --nthreads 1`) with FIBONACCI_API_KEY
set for the workers, and pass the scheduler's address. Without one, a cluster of two processes is started. For workers
on several machines, set JOURNALS to postgresql://user@host/database?journal=chunk-{}, and PGPASSWORD for the workers.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from tempfile import TemporaryDirectory
from typing import Any

from distributed import Client, Future, as_completed

from fibonacci import Fibonacci, RunResult, UnknownOutcomeError

Row = dict[str, Any]


def run_chunk(workflow_id: str, rows: list[Row], journal: str, rate_limiter: str) -> list[RunResult]:
    # It runs in a worker, whose environment has the API key.
    with Fibonacci(rate_limiter=rate_limiter) as client:
        results: list[RunResult] = []
        with suppress(UnknownOutcomeError):  # the rows that it names are among the results, as "unknown"
            results.extend(client.workflows.run_many(workflow_id, rows, key="id", journal=journal, concurrency=5))
        return results


def run_chunks(
    cluster: Any,
    workflow_id: str,
    rows: Iterable[Row],
    journals: str,
    *,
    size: int,
    window: int,
    rate_limiter: str = "machine",
) -> Iterator[RunResult]:
    """Yield the results of all rows. The rows of `window` chunks are in memory, and no more.

    The journal of a chunk is a path, or a URL for workers on several machines, in which {} is the chunk's number. The
    workers of a machine share the rate limit of the key by `rate_limiter="machine"`, all by a URL of Redis.
    """

    def submit(chunk: tuple[int, list[Row]]) -> Future[list[RunResult]]:
        number, chunk_rows = chunk
        journal = journals.replace("{}", str(number))  # the same in each call, so that the same call again continues
        arguments = workflow_id, chunk_rows, journal, rate_limiter
        future: Future[list[RunResult]] = cluster.submit(run_chunk, *arguments, pure=False)
        return future

    chunks = enumerate(chunks_of(rows, size))
    running: Any = as_completed([submit(chunk) for chunk in islice(chunks, window)])
    for future in running:
        yield from future.result()
        running.update([submit(chunk) for chunk in islice(chunks, 1)])


def chunks_of(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    left = iter(rows)
    while chunk := list(islice(left, size)):
        yield chunk


def connect(address: str | None = None) -> Client:
    if address is not None:
        return Client(address)
    # A heartbeat that meets the end of the cluster is logged as an error. The usual port of a dashboard may be in use.
    return Client(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL)


def main() -> None:
    definition = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
    with Fibonacci() as client:
        workflow_id = client.workflows.ensure(name="Greeter", definition=definition).id
    rows = ({"id": number, "name": f"Ada {number}"} for number in range(100))
    with TemporaryDirectory() as folder, connect(*sys.argv[1:]) as cluster:
        journals = os.environ.get("JOURNALS", f"{folder}/chunk-{{}}.db")
        results = run_chunks(cluster, workflow_id, rows, journals, size=10, window=4)
        print(Counter(result.status for result in results))  # prints: Counter({'completed': 100})


if __name__ == "__main__":
    main()
