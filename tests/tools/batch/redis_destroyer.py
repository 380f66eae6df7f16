"""Destroy a journal in Redis in the middle of a batch, make the same call again, and count what ran twice.

    python -m tests.tools.batch.redis_destroyer             each damage on each server, 5 times
    python -m tests.tools.batch.redis_destroyer --times 1 --seed 7

A batch runs until it has had so many results. Then either its server is damaged while it lives, and the same call is
made on another machine, or it is killed, its server is damaged, and the same call is made on the same machine. The
second call has to end with each row run once, or to be refused. The emulator, in another process, has every execute.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from fibonacci import Fibonacci, JournalError, RunResult, UnknownOutcomeError
from fibonacci._batch.redis_records import COUNTED, HEADER, ORDER, PARTS, keys_of
from tests.batch.platform import Address, served_emulator
from tests.kit.programs import free_port
from tests.kit.redis import REDIS_SERVERS, RedisServer

_ROWS = 24
_NODE = {"id": "rest", "type": "tool", "tool": "wait", "params": {"seconds": "{{input.seconds}}"}}
_NAME = "destroyed"
_KEYS = keys_of(_NAME)


class DamagedServer:
    """A server that syncs each write, until something happens to it.

    Args:
        program: Its name.
        folder: Where it keeps its data.
        stack: Ends what it starts.
        chance: Decides what is damaged.
    """

    def __init__(self, program: str, folder: Path, stack: ExitStack, chance: random.Random) -> None:
        self._program = program
        self._folder = folder / "data"
        self._older = folder / "older"
        self._stack = stack
        self._chance = chance
        self._folder.mkdir()
        self._server = RedisServer(program, folder=self._folder)
        self._process = stack.enter_context(self._server.running())
        self._replica: RedisServer | None = None

    @property
    def location(self) -> str:
        """The argument `journal` of the batch."""
        return f"{self._server.url}?journal={_NAME}"

    @contextmanager
    def client(self) -> Generator[Any]:
        """Lend a client of the server."""
        with closing(self._server.client()) as client:
            yield client

    def prepare_replica(self) -> None:
        """Start a replica, which has all that the server has."""
        folder = self._older
        folder.mkdir()
        self._replica = RedisServer(self._program, folder=folder, port=free_port())
        with self.client() as client:
            client.config_set("repl-diskless-sync-delay", 0)
        self._stack.enter_context(self._replica.running("--replicaof", "127.0.0.1", str(self._server.port)))
        with closing(self._replica.client()) as client:
            while client.info("replication")["master_link_status"] != "up":
                time.sleep(0.02)

    def nothing(self) -> None:
        """Do nothing."""

    def copy_files(self) -> None:
        """Copy the append-only file, as a backup does."""
        shutil.copytree(self._folder, self._older)

    def save_snapshot(self) -> None:
        """Save a snapshot."""
        with self.client() as client:
            client.save()
        self._older.mkdir()
        shutil.copy(self._folder / "dump.rdb", self._older)

    def cut_replica_off(self) -> None:
        """Let a replica receive nothing more, as one that lags."""
        assert self._replica is not None
        with closing(self._replica.client()) as client:
            client.replicaof("NO", "ONE")

    def flush(self) -> None:
        """Remove everything."""
        with self.client() as client:
            client.flushall()

    def delete_a_key(self) -> None:
        """Remove one key of the journal."""
        with self.client() as client:
            client.delete(self._chance.choice([key for key in _KEYS if client.exists(key)]))

    def delete_a_record(self) -> None:
        """Remove one field of one key."""
        with self.client() as client:
            parts = [part for part in COUNTED if part != ORDER and client.exists(_KEYS[part])]
            key = _KEYS[self._chance.choice(parts)]
            client.hdel(key, self._chance.choice(sorted(client.hkeys(key))))

    def evict(self) -> None:
        """Let the server remove keys for want of memory, until it has removed one of the journal."""
        with self.client() as client:
            found = client.exists(*_KEYS[HEADER:1], *_KEYS[2:])
            client.config_set("maxmemory-policy", "allkeys-random")
            while client.exists(*_KEYS[HEADER:1], *_KEYS[2:]) == found:
                client.config_set("maxmemory", client.info("memory")["used_memory"] - 1)
                client.config_set("maxmemory", 0)
            client.config_set("maxmemory-policy", "noeviction")

    def restart_empty(self) -> None:
        """End it, and start it again without its data."""
        self._end()
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        self._start()

    def restart_with_older_files(self) -> None:
        """End it, and start it again with the append-only file that was copied."""
        self._end()
        shutil.rmtree(self._folder)
        shutil.copytree(self._older, self._folder)
        self._start()

    def restart_with_snapshot(self) -> None:
        """End it, and start it again with the snapshot alone."""
        self._end()
        shutil.rmtree(self._folder)
        shutil.copytree(self._older, self._folder)
        self._start("--appendonly", "no")
        with self.client() as client:
            client.config_set("appendonly", "yes")
            while client.info("persistence")["aof_rewrite_in_progress"]:
                time.sleep(0.02)

    def restart_with_a_cut_file(self) -> None:
        """End it, cut its append-only file at a random byte, and start it again."""
        self._end()
        (file,) = self._folder.rglob("*.incr.aof")
        os.truncate(file, self._chance.randrange(file.stat().st_size))
        self._start()

    def promote(self) -> None:
        """End it, and have the replica take its place."""
        self._end()
        assert self._replica is not None
        with closing(self._replica.client()) as client:
            client.config_set("port", self._server.port)

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _start(self, *options: str) -> None:
        self._process = self._stack.enter_context(self._server.running(*options))


class RedisDamage(NamedTuple):
    """What happens to a server.

    Attributes:
        name: What the table says of it.
        prepare: What is done before the batch.
        earlier: What is done when the batch has had some results.
        destroy: What is done when it has had more.
    """

    name: str
    prepare: Callable[[DamagedServer], None]
    earlier: Callable[[DamagedServer], None]
    destroy: Callable[[DamagedServer], None]


_nothing = DamagedServer.nothing
DAMAGES = (
    RedisDamage("flushed", _nothing, _nothing, DamagedServer.flush),
    RedisDamage("a key deleted", _nothing, _nothing, DamagedServer.delete_a_key),
    RedisDamage("a record deleted", _nothing, _nothing, DamagedServer.delete_a_record),
    RedisDamage("a key evicted", _nothing, _nothing, DamagedServer.evict),
    RedisDamage("restarted empty", _nothing, _nothing, DamagedServer.restart_empty),
    RedisDamage("restarted, older AOF", _nothing, DamagedServer.copy_files, DamagedServer.restart_with_older_files),
    RedisDamage("restarted, older RDB", _nothing, DamagedServer.save_snapshot, DamagedServer.restart_with_snapshot),
    RedisDamage("restarted, AOF cut", _nothing, _nothing, DamagedServer.restart_with_a_cut_file),
    RedisDamage(
        "older replica promoted", DamagedServer.prepare_replica, DamagedServer.cut_replica_off, DamagedServer.promote
    ),
)


class DestructionOutcome(NamedTuple):
    """What came of one case.

    Attributes:
        is_refused: Whether the second call was refused.
        missing: How many rows the second call left without a result, though it was not refused.
        twice: How many rows ran twice.
    """

    is_refused: bool
    missing: int
    twice: int

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        return not self.twice and (self.is_refused or not self.missing)


class _DestroyedBatch:
    """The call that is made twice."""

    def __init__(self, address: Address, location: str, workflow_id: str) -> None:
        self._address = address
        self._location = location
        self._workflow_id = workflow_id

    def run(self, machine: Path, body: Callable[[RunResult], object] = lambda _: None) -> list[RunResult]:
        """Run the batch on a machine."""
        rows: Iterator[dict[str, Any]] = ({"id": number, "seconds": 0.01} for number in range(_ROWS))
        options: Any = {"key": "id", "journal": self._location, "concurrency": 4}
        found: list[RunResult] = []
        with (
            patch.dict(os.environ, {"XDG_STATE_HOME": str(machine)}),
            Fibonacci(self._address.api_key, base_url=self._address.base_url) as client,
            suppress(UnknownOutcomeError),
        ):
            for result in client.workflows.run_many(self._workflow_id, rows, **options):
                body(result)
                found.append(result)
        return found

    def run_until_killed(self, machine: Path, body: Callable[[RunResult], object]) -> None:
        """Run the batch in a fork, which the body of the loop kills."""
        process = os.fork()
        if process == 0:
            try:
                self.run(machine, body)
            finally:
                os._exit(1)
        _, status = os.waitpid(process, 0)
        assert os.WIFSIGNALED(status), "the batch ended before it was killed"

    def twice(self) -> int:
        """Return how many rows have more than one execution, as the emulator has recorded them."""
        with Fibonacci(self._address.api_key, base_url=self._address.base_url) as client:
            found = client.executions.list(workflow_id=self._workflow_id, page_size=200)
            times = Counter((each.inputs or {})["id"] for each in found)
        return sum(count > 1 for count in times.values())


def destroy(address: Address, damage: RedisDamage, program: str, seed: int, *, is_killed: bool) -> DestructionOutcome:
    """Destroy the journal of one batch, and make the same call again.

    Args:
        address: The emulator.
        damage: What happens to the server.
        program: The name of the server.
        seed: Of the moments, and of what is damaged.
        is_killed: Whether the batch is killed before; else it lives, and another machine makes the second call.
    """
    chance = random.Random(f"{seed} {damage.name} {program} {is_killed}")
    earlier = chance.randrange(1, 8)
    later = chance.randrange(earlier + 1, _ROWS - 6)
    results = 0
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        server = DamagedServer(program, folder, stack, chance)
        with Fibonacci(address.api_key, base_url=address.base_url) as client:
            workflow_id = client.workflows.create(name="destroyed", definition={"nodes": [_NODE]}).id
        batch = _DestroyedBatch(address, server.location, workflow_id)
        damage.prepare(server)

        def count(_: RunResult) -> None:
            nonlocal results
            results += 1
            if results == earlier:
                damage.earlier(server)
            elif results == later and is_killed:
                os.kill(os.getpid(), signal.SIGKILL)
            elif results == later:
                damage.destroy(server)

        if is_killed:
            batch.run_until_killed(folder / "machine", count)
            damage.destroy(server)
            with server.client() as looking:
                looking.delete(_KEYS[PARTS.index("lease")])  # so that the next run need not wait until it lapses
        else:
            with _ignored_loss():
                batch.run(folder / "machine", count)
        try:
            found = batch.run(folder / ("machine" if is_killed else "another-machine"))
        except JournalError:
            return DestructionOutcome(True, 0, batch.twice())
        return DestructionOutcome(False, _ROWS - len(found), batch.twice())


@contextmanager
def _ignored_loss() -> Generator[None]:
    try:
        yield
    except JournalError as error:
        if error.can_continue:
            raise


def main() -> None:
    """Print a table of damages, and exit with 1 if a row ran twice."""
    parser = argparse.ArgumentParser(description="Destroy journals in Redis, and count the rows that run twice.")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    print("seed", options.seed)
    print(f"{'damage':24} {'the batch':10} {'cases':>5} {'refused':>8} {'exact':>6} {'rows twice':>11}")
    is_broken = False
    for damage in DAMAGES:
        for is_killed in (False, True):
            with served_emulator() as address:
                outcomes = [
                    destroy(address, damage, program, options.seed + number, is_killed=is_killed)
                    for number in range(options.times)
                    for program in REDIS_SERVERS
                ]
            refused = sum(outcome.is_refused for outcome in outcomes)
            twice = sum(outcome.twice for outcome in outcomes)
            exact = sum(outcome.holds and not outcome.is_refused for outcome in outcomes)
            batch = "was killed" if is_killed else "lives"
            print(f"{damage.name:24} {batch:10} {len(outcomes):5} {refused:8} {exact:6} {twice:11}", flush=True)
            is_broken |= not all(outcome.holds for outcome in outcomes)
    sys.exit(is_broken)


if __name__ == "__main__":
    main()
