"""Kill a batch at random moments, run the same call again, and compare with what the emulator has recorded.

    python -m tests.tools.batch.kills              200 kills, 20 rows in flight
    python -m tests.tools.batch.kills --kills 10
    python -m tests.tools.batch.kills --postgres   the journal is in PostgreSQL, which is killed too

Each kill is a SIGKILL of a process with the batch, in turn on the sync client and in asyncio; the emulator is in
another process. With PostgreSQL, two in three kills stop the server at once, and start it again: one before the client
is killed, which goes on meanwhile, and one together with it. No row may run twice, and none may be lost: a row has its
one execution, or it is reported as unknown, with its execution as the one candidate if it has one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

from fibonacci import AsyncFibonacci, Fibonacci, JournalError, RunResult, UnknownOutcomeError, read_journal
from tests.batch.platform import Address, served_emulator
from tests.kit.postgres import PostgresServer, postgres_server

IN_FLIGHT = 20
_LIFE = (0.02, 0.25)
_NODE = {"id": "rest", "type": "tool", "tool": "wait", "params": {"seconds": "{{input.seconds}}"}}
_DEFINITION = {"nodes": [_NODE]}


@dataclass(frozen=True)
class KillReport:
    """What came of a batch that was killed again and again.

    Attributes:
        kills: How often it was killed while it ran.
        rows: How many rows it had.
        twice: Rows with more than one execution.
        lost: Rows whose result is not that of their execution, and unknown rows whose candidates are others.
        unknown: Rows reported as unknown.
        in_flight: Rows whose request was on its way at a kill, at any of the kills.
    """

    kills: int
    rows: int
    twice: list[int]
    lost: list[int]
    unknown: int
    in_flight: int

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.rows} rows: {len(self.twice)} twice, {len(self.lost)} lost,"
            f" {self.unknown} unknown of {self.in_flight} in flight at the kills"
        )

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        return not self.twice and not self.lost and self.unknown <= self.in_flight


def run(
    kills: int, seed: int, *, idempotency: Literal["server"] | None, server: PostgresServer | None = None
) -> KillReport:
    """Kill a batch so many times, let it end, and compare.

    Args:
        kills: How often to kill it.
        seed: Of the moments.
        idempotency: The option of the client.
        server: The server that has the journal. None for a journal in a file.
    """
    moments = random.Random(seed)
    with served_emulator() as address, tempfile.TemporaryDirectory() as folder:
        journal = _Journal(Path(folder)) if server is None else _PostgresJournal(server)
        batch = _Batch(address, journal, rows=25 * kills, idempotency=idempotency)
        in_flight: set[str] = set()
        for number in range(kills):
            with _forked(batch, is_async=bool(number % 2)) as process:
                time.sleep(moments.uniform(*_LIFE))
                kind = 0 if server is None else number % 3
                if server is not None and kind:
                    server.stop()
                    if kind == 1:
                        server.start()
                        time.sleep(moments.uniform(*_LIFE))
                os.kill(process, signal.SIGKILL)
            if server is not None and kind == 2:
                server.start()
            in_flight |= journal.without_response()
        return _compared(batch, kills, len(in_flight))


@contextmanager
def _forked(batch: _Batch, *, is_async: bool) -> Generator[int]:
    """Run the batch in a fork, which has only the one thread and needs no imports."""
    process = os.fork()
    if process == 0:
        try:
            batch.run_async() if is_async else batch.run_sync()
        finally:
            os._exit(0)
    try:
        yield process
    finally:
        os.waitpid(process, 0)


class _Journal:
    def __init__(self, folder: Path) -> None:
        self.location = str(folder / "runs.db")

    def without_response(self) -> set[str]:
        if not Path(self.location).exists():
            return set()
        connection = sqlite3.connect(self.location)
        try:
            query = "SELECT key FROM rows WHERE idempotency_key IS NOT NULL AND execution_id IS NULL"
            return {key for (key,) in connection.execute(query)}
        except sqlite3.OperationalError:  # killed before it had tables
            return set()
        finally:
            connection.close()


class _PostgresJournal:
    def __init__(self, server: PostgresServer) -> None:
        self.location = server.url(journal=token_hex(4))

    def without_response(self) -> set[str]:
        try:
            with read_journal(self.location) as journal:
                return {str(row.key) for row in journal.rows("unknown")}
        except JournalError:  # killed before it had tables
            return set()


class _Batch:
    """The one call that is made again after each kill."""

    def __init__(
        self,
        address: Address,
        journal: _Journal | _PostgresJournal,
        *,
        rows: int,
        idempotency: Literal["server"] | None,
    ) -> None:
        self._journal = journal.location
        self.count = rows
        self._address = address
        self._idempotency: Literal["server"] | None = idempotency
        with self.client() as client:
            self.workflow_id = client.workflows.create(name="killed", definition=_DEFINITION).id

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows: one in three ends at once, the others have to be watched."""
        return ({"id": number, "seconds": (0, 0.05, 0.3)[number % 3]} for number in range(self.count))

    def client(self) -> Fibonacci:
        return Fibonacci(self._address.api_key, base_url=self._address.base_url, idempotency=self._idempotency)

    def options(self) -> dict[str, Any]:
        return {"key": "id", "journal": self._journal, "concurrency": IN_FLIGHT}

    def run_sync(self) -> None:
        with self.client() as client:
            for _ in client.workflows.run_many(self.workflow_id, self.rows(), **self.options()):
                pass

    def run_async(self) -> None:
        async def main() -> None:
            options: Any = {"base_url": self._address.base_url, "idempotency": self._idempotency}
            async with AsyncFibonacci(self._address.api_key, **options) as client:
                async for _ in client.workflows.run_many(self.workflow_id, self.rows(), **self.options()):
                    pass

        asyncio.run(main())

    def finish(self) -> list[RunResult]:
        """Run to the end, and return the results of all rows, those of unknown outcome included."""
        found: list[RunResult] = []
        with self.client() as client, suppress(UnknownOutcomeError):
            found.extend(client.workflows.run_many(self.workflow_id, self.rows(), **self.options()))
        return sorted(found, key=lambda result: result.index)

    def executions(self) -> dict[int, list[str]]:
        """Return the ids of the executions of each row, as the emulator has recorded them."""
        found: dict[int, list[str]] = {}
        with self.client() as client:
            for execution in client.executions.list(workflow_id=self.workflow_id, page_size=200):
                found.setdefault((execution.inputs or {})["id"], []).append(execution.id)
        return found


def _compared(batch: _Batch, kills: int, in_flight: int) -> KillReport:
    results = batch.finish()
    executions = batch.executions()
    assert [result.index for result in results] == list(range(batch.count))
    lost = [
        result.index
        for result in results
        if executions.get(result.index, []) != [each.id for each in (result.execution, *result.candidates) if each]
        or (result.status not in ("completed", "unknown"))
    ]
    twice = [row for row, ids in executions.items() if len(ids) > 1]
    unknown = Counter(result.status for result in results)["unknown"]
    return KillReport(kills, batch.count, twice, lost, unknown, in_flight)


def main() -> None:
    """Kill as often as the command line says, and exit with 1 if the promise is broken."""
    parser = argparse.ArgumentParser(description="Kill a batch at random moments.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    print("seed", options.seed)
    broken = False
    with postgres_server() if options.postgres else nullcontext() as server:
        for idempotency in ("server", None):
            began = time.monotonic()
            report = run(options.kills // 2, options.seed, idempotency=idempotency, server=server)
            print(f"idempotency={idempotency!r}: {report} ({time.monotonic() - began:.0f} s)")
            broken |= not report.holds
    sys.exit(broken)


if __name__ == "__main__":
    main()
