"""The examples of task engines in the processes that they are for, with workers that are killed in mid-chunk.

What the emulator has recorded is compared with the results: no row has run twice.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fibonacci import Fibonacci, JournalError, RunResult, read_journal
from fibonacci._batch.options import postgres_place
from fibonacci.emulator import Emulator
from tests.docs.processes import PATIENCE, ApplicationProcess, running
from tests.docs.running import setting
from tests.kit.nodes import tool
from tests.kit.postgres import postgres_server
from tests.kit.programs import free_port
from tests.kit.redis import RedisServer
from tests.kit.systems import needs_fork, needs_signals

pytestmark = pytest.mark.slow

EXECUTE = "POST /workflows/{workflow_id}/execute"
DEFINITION = {"nodes": [tool("rest", "wait", {"seconds": "{{input.seconds}}"})]}
SIZE, CHUNKS, WORKERS, IN_FLIGHT = 10, 4, 2, 5
ROWS = [{"id": number, "seconds": 0.8} for number in range(SIZE * CHUNKS)]


@pytest.fixture(autouse=True)
def limiter_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the files of the limiter that the workers share out of those of the machine."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def create_rester(client: Fibonacci) -> str:
    """Create a workflow whose runs rest for a while; return its id."""
    return client.workflows.create(name="Rester", definition=DEFINITION).id


def executions(client: Fibonacci, workflow_id: str) -> Counter[int]:
    """Return how many executions each row has, as the emulator has recorded them."""
    found = client.executions.list(workflow_id=workflow_id, page_size=200)
    return Counter((each.inputs or {})["id"] for each in found)


def chunks_under_way(journals: str) -> dict[int, int]:
    """Return the chunks with some rows started and others not: the process that has the journal, by the number."""
    found: dict[int, int] = {}
    for number in range(CHUNKS):
        with suppress(JournalError):  # there is none yet
            if 0 < started(journals, number) < SIZE:
                found[number] = holder(journals, number)
    return found


def started(journals: str, number: int) -> int:
    """Return how many rows of a chunk have the id of an execution in their journal."""
    with read_journal(journals.replace("{}", str(number))) as journal:
        return sum(bool(row.attempts and row.attempts[-1].execution_id) for row in journal.rows())


def holder(journals: str, number: int) -> int:
    """Return the id of the process that has the journal of a chunk, or was the last to have it."""
    place = postgres_place(journals.replace("{}", str(number)))
    if place is None:
        return int(Path(journals.replace("{}", str(number)) + "-lock").read_text().split()[0])
    with psycopg.connect(place.url) as connection:
        found = connection.execute("SELECT process FROM fibonacci_journals WHERE name = %s", (place.name,)).fetchone()
    assert found is not None
    return int(found[0].split()[1])


def kill_in_mid_chunk(process: ApplicationProcess, journals: str) -> tuple[int, int]:
    """Kill a process in the middle of a chunk; return the number of the chunk, and the id of the process."""
    while True:
        number, worker = next(iter(process.until(lambda: chunks_under_way(journals)).items()))
        os.kill(worker, signal.SIGSTOP)  # it could end the chunk before it is killed
        if chunks_under_way(journals).get(number) == worker:
            os.kill(worker, signal.SIGKILL)
            return number, worker
        os.kill(worker, signal.SIGCONT)


def check(counts: Counter[int], statuses: dict[int, str]) -> None:
    """Check the promise: each row has a result, and ran once, or is unknown, as those in flight at a kill may be."""
    unknown = {number for number, status in statuses.items() if status == "unknown"}
    assert sorted(statuses) == list(range(len(ROWS)))
    assert set(statuses.values()) <= {"completed", "unknown"}
    assert len(unknown) <= IN_FLIGHT
    assert set(counts.values()) == {1}
    assert {number for number in statuses if counts[number] == 0} <= unknown


@contextmanager
def dask_cluster(emulator: Emulator, folder: Path) -> Generator[tuple[str, ApplicationProcess]]:
    """Run a scheduler and workers with one thread each; yield the address and the scheduler."""
    port = str(free_port())
    address = f"tcp://127.0.0.1:{port}"
    options = ("--no-dashboard", "--host", "127.0.0.1")
    worker = ("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", *options)
    with ExitStack() as stack:

        def run(*arguments: str, name: str) -> ApplicationProcess:
            return stack.enter_context(running(*arguments, emulator=emulator, folder=folder, name=name))

        scheduler = run("distributed.cli.dask_scheduler", "--port", port, *options, name="scheduler")
        for number in range(WORKERS):
            run(*worker, name=f"worker-{number}")
        scheduler.until(lambda: "Scheduler at" in scheduler.output)
        yield address, scheduler


@needs_signals
def test_redis_restarted_below_dask_workers_and_then_one_is_killed(
    emulator: Emulator, client: Fibonacci, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One cluster serves all, whose processes take most of the time; the example itself runs on it first."""
    dask_chunks: Any = import_module("examples.dask_chunks")
    rester, folder, redis = create_rester(client), tmp_path / "of-redis", RedisServer()
    folder.mkdir()
    options: dict[str, Any] = {"size": SIZE, "window": WORKERS + 1}
    with (
        dask_cluster(emulator, tmp_path) as (address, scheduler),
        dask_chunks.connect(address) as cluster,
        ThreadPoolExecutor() as pool,
        postgres_server() as server,
    ):
        cluster.wait_for_workers(WORKERS)
        monkeypatch.setattr(sys, "argv", ["dask_chunks.py", address])
        with setting(emulator) as alone:
            alone.run_file(Path(dask_chunks.__file__))

        journals = f"{folder}/chunk-{{}}.db"
        with redis.running():
            chunks = dask_chunks.run_chunks(cluster, rester, ROWS, journals, **options, rate_limiter=redis.url)
            iteration = pool.submit(list[RunResult], chunks)
            scheduler.until(lambda: chunks_under_way(journals))
        assert not iteration.done()
        with redis.running():
            assert {each.status for each in iteration.result(PATIENCE)} == {"completed"}
        assert executions(client, rester) == dict.fromkeys(range(len(ROWS)), 1)

        rester, journals = create_rester(client), server.url(journal="chunk-{}")
        chunks = dask_chunks.run_chunks(cluster, rester, ROWS, journals, **options)
        iteration = pool.submit(list[RunResult], chunks)
        number, worker = kill_in_mid_chunk(scheduler, journals)
        results = iteration.result(PATIENCE)
        assert holder(journals, number) != worker, "another worker has continued the chunk"
        check(executions(client, rester), {int(each.key): each.status for each in results})

        before = emulator.requests.to(EXECUTE).count
        again = ROWS[number * SIZE : (number + 1) * SIZE], journals.replace("{}", str(number)), "machine"
        repeated = cluster.submit(dask_chunks.run_chunk, rester, *again, pure=False).result(PATIENCE)
        assert {each.key: each.status for each in repeated}.items() <= {
            each.key: each.status for each in results
        }.items()
        assert emulator.requests.to(EXECUTE).count == before, "a chunk that runs twice runs no row"


# The worker of the example; it sends itself the chunks, and writes down what each comes to.
WORKER = """
import json
import os
from pathlib import Path

from celery.signals import task_success, worker_ready

from examples.celery_chunks import app, run_chunk

app.conf.update(worker_lost_wait=0.1, broker_connection_retry_on_startup=True)


@worker_ready.connect
def send(**named):
    for number, rows in enumerate(json.loads(Path("chunks.json").read_text())):
        run_chunk.delay(os.environ["WORKFLOW_ID"], number, rows)


@task_success.connect
def succeed(sender, result, **named):
    Path(f"result-{sender.request.args[1]}.partial").write_text(json.dumps(result))
    Path(f"result-{sender.request.args[1]}.partial").rename(f"result-{sender.request.args[1]}.json")
"""


@needs_fork
def test_a_killed_celery_worker(
    emulator: Emulator, client: Fibonacci, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rester = create_rester(client)
    chunks = [ROWS[begin : begin + SIZE] for begin in range(0, len(ROWS), SIZE)]
    (tmp_path / "worker.py").write_text(WORKER, "utf-8")
    (tmp_path / "chunks.json").write_text(json.dumps(chunks), "utf-8")
    broker, journals = RedisServer(), f"{tmp_path}/chunk-{{}}.db"
    for name, value in {"WORKFLOW_ID": rester, "CELERY_BROKER_URL": broker.url, "JOURNALS": journals}.items():
        monkeypatch.setenv(name, value)
    options = ("--concurrency", str(WORKERS), "--without-gossip", "--without-mingle", "--without-heartbeat")
    with (
        broker.running(),
        running("celery", "--app", "worker", "worker", *options, emulator=emulator, folder=tmp_path) as worker,
    ):
        number, process = kill_in_mid_chunk(worker, journals)
        files = worker.until(lambda: len(found := list(tmp_path.glob("result-*.json"))) == CHUNKS and found)
        assert holder(journals, number) != process, "another process has continued the chunk"
    results = [result for path in files for result in json.loads(path.read_text("utf-8"))]
    check(executions(client, rester), {int(each["key"]): each["status"] for each in results})
