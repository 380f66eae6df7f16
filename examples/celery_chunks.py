"""Rows in chunks as Celery tasks. A chunk whose worker is killed is delivered again, and continued by its journal.

    pip install 'fibonacci-sdk[machine]' celery && fibonacci dev -- python celery_chunks.py

Run as a script, it carries out the tasks in its own process. Start a worker with `celery --app celery_chunks worker`,
and FIBONACCI_API_KEY, CELERY_BROKER_URL and JOURNALS set: a path on this machine, or
postgresql://user@host/database?journal=chunk-{} for workers on several machines, where {} is the number of a chunk.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from celery import Celery

from fibonacci import Fibonacci, UnknownOutcomeError

app = Celery("examples")

# One client for all tasks. The processes of a machine share the rate limit of its key.
client = Fibonacci(rate_limiter="machine")


# `acks_late` and `reject_on_worker_lost`: when its process dies, the task is delivered again.
@app.task(acks_late=True, reject_on_worker_lost=True, max_retries=0)
def run_chunk(workflow_id: str, number: int, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # The journal belongs to the chunk, not to the delivery: what the first delivery has begun, the second continues.
    journal = os.environ.get("JOURNALS", "chunk-{}.db").replace("{}", str(number))
    runs = client.workflows.run_many(workflow_id, rows, key="id", journal=journal, concurrency=5, ordered=True)
    results: list[dict[str, Any]] = []
    with suppress(UnknownOutcomeError):  # the rows that it names are among the results, as "unknown"
        results.extend(result.to_dict() for result in runs)
    return results


def main() -> None:
    node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
    workflow = client.workflows.ensure(name="Greeter", definition={"nodes": [node]})
    for number in range(2):
        rows = [{"id": id, "name": f"Ada {id}"} for id in range(10 * number, 10 * number + 10)]
        results = run_chunk.apply(args=(workflow.id, number, rows)).get()
        print(len(results), results[0]["outputs"]["greet"])
    # prints: 10 ...Greet Ada 0
    # prints: 10 ...Greet Ada 10


if __name__ == "__main__":
    main()
