"""Damage a file of a journal after its run was killed, run the same call again, and count what ran twice.

    python -m tests.tools.batch.destroyer                       each file cut, and a bit of it flipped, at 200 places
    python -m tests.tools.batch.destroyer --seed 7 --times 10
    python -m tests.tools.batch.destroyer --runs 3              three runs, killed at other moments

A run ends cleanly after some of its rows; it is continued and killed by SIGKILL, twice, at random moments. Then each of
its files is cut, has a bit flipped, is left out, or is replaced by an older copy, one damage at a time, and the same
call is made with what is there. The emulator, in another process, has a list of all executions. The call either does
what it does without the damage ("exact"), or a JournalError refuses it, and no file is changed ("refused"), or ends it
when a row is read that differs from what was written ("stopped"). Where the kill came after a commit and before its
note, the call may also do what it does without that commit ("as noted"): the run had done nothing yet that follows from
it. No row runs twice.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

from fibonacci import Fibonacci, JournalError, RunResult, UnknownOutcomeError
from fibonacci._batch.journal_schema import JournalMark, read_header
from fibonacci._batch.locks import LOCK_SUFFIX, read_note
from fibonacci._batch.sqlite_journal import connect_read_only
from tests.batch.damages import (
    Damage,
    Files,
    count_outcomes,
    damages,
    is_of_a_row,
    lasting,
    read_files,
    table,
    write_files,
)
from tests.batch.platform import Address, served_emulator

ROWS = 60
_AT_A_TIME = 8
_ENDED_BEFORE = 20
_ENDED_BETWEEN = (3, 12)
_DEFINITION = {
    "nodes": [{"id": "rest", "type": "tool", "tool": "wait", "params": {"seconds": "{{input.seconds}}"}}],
}
_TEXT = "so long that the database has pages which the last run does not write " * 6
OUTCOMES = ("exact", "as noted", "refused", "stopped", "less known", "ran twice", "other error", "files changed")
KEPT = {"exact", "as noted", "refused", "stopped"}
"""The outcomes that keep the promise."""


Done = tuple[int, Mapping[int, int]]
"""What a call does: how many rows are unknown to it, and how many executions it starts for each row."""


class KilledBatch:
    """A batch whose process was killed, with its files at that moment and before.

    Args:
        address: The platform.
        folder: Where the journal is.
        chance: Says when to kill.

    Attributes:
        files: The files as the last kill has left them.
        older: The files at earlier moments.
        counts: How many executions each row has.
    """

    def __init__(self, address: Address, folder: Path, chance: random.Random) -> None:
        self._address = address
        self._path = folder / "runs.db"
        self._client = Fibonacci(address.api_key, base_url=address.base_url)
        self._workflow = self._client.workflows.create(name="destroyed", definition=_DEFINITION).id
        self._last: str | None = None
        self.older: list[Files] = []
        os.waitpid(self._fork(most=_ENDED_BEFORE), 0)
        self.older.append(read_files(self._path))
        ended = _ENDED_BEFORE + chance.randint(*_ENDED_BETWEEN)
        self._kill_after(ended)
        self.older.append(read_files(self._path))
        with closing(sqlite3.connect(self._path)) as connection:  # which puts the rows of the kill into the database
            connection.execute("PRAGMA wal_checkpoint")
            self.older.append(read_files(self._path))
        self._kill_after(ended + chance.randint(*_ENDED_BETWEEN))
        self.files: Files = read_files(self._path)
        self.counts: Mapping[int, int] = self._new_executions()

    def expect(self) -> Mapping[str, Done]:
        """Make the same call with the files as they were left; return what it may do after a damage, by outcome."""
        write_files(self._path, self.files)
        is_noted = is_last_commit_noted(self._path)
        expected = {"exact": (self._run(), self._new_executions())}
        if not is_noted:
            write_files(self._path, {**self.files, "-wal": self.files["-wal"][:-1]})
            expected["as noted"] = self._run(), self._new_executions()
        return expected

    def outcome(self, damage: Damage, expected: Mapping[str, Done]) -> str:
        """Make the same call after a damage; return what came of it.

        Args:
            damage: The damage.
            expected: What the call may do, by outcome.
        """
        write_files(self._path, damage.files)
        try:
            unknown, error = self._run(), None
        except Exception as raised:  # of any kind: it is counted
            unknown, error = 0, raised
        again = self._new_executions()
        if any(self.counts.get(row, 0) + count > 1 for row, count in again.items()):
            return "ran twice"
        if error is None:
            return next((outcome for outcome, done in expected.items() if done == (unknown, again)), "less known")
        if not isinstance(error, JournalError):
            print(f"runs.db{damage.suffix} {damage.kind}: {error!r}")
            return "other error"
        if is_of_a_row(error):
            return "stopped"
        if lasting(read_files(self._path)) == lasting(damage.files):
            return "refused"
        print(f"runs.db{damage.suffix} {damage.kind}: {error}")
        return "files changed"

    def _kill_after(self, results: int) -> None:
        """Run the rows in a process that is killed after so many results."""
        reading, writing = os.pipe()
        process = self._fork(body=lambda _: os.write(writing, b"."))
        for _ in range(results):
            os.read(reading, 1)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(reading)
        os.close(writing)
        time.sleep(0.1)  # in which the platform ends what had reached it

    def _fork(self, most: int | None = None, body: Callable[[RunResult], object] = lambda _: None) -> int:
        process = os.fork()
        if process == 0:
            try:
                self._run(most, body)
            finally:
                os._exit(0)
        return process

    def _run(self, most: int | None = None, body: Callable[[RunResult], object] = lambda _: None) -> int:
        """Run the rows, or the first of them; return how many are unknown."""
        rows: list[dict[str, Any]] = [
            {"id": each, "seconds": (0, 0, 0.02)[each % 3], "text": _TEXT} for each in range(ROWS)
        ]
        with Fibonacci(self._address.api_key, base_url=self._address.base_url) as client:
            options: dict[str, Any] = {"key": "id", "concurrency": _AT_A_TIME, "journal": self._path}
            with client.workflows.run_many(self._workflow, rows[:most], **options) as runs:
                with suppress(UnknownOutcomeError):
                    for result in runs:
                        body(result)
                return runs.summary.unknown

    def _new_executions(self) -> Mapping[int, int]:
        """Return how many executions each row has that were not there at the last call."""
        newest = iter(self._client.executions.list(workflow_id=self._workflow, page_size=100))
        found = list(takewhile(lambda each: each.id != self._last, newest))
        self._last = found[0].id if found else self._last
        return Counter((each.inputs or {})["id"] for each in found)


def is_last_commit_noted(path: Path) -> bool:
    """Whether the lock file of a journal counts its last commit: a kill may have come between the two."""
    noted = JournalMark.read(read_note(Path(f"{path}{LOCK_SUFFIX}")))
    with closing(connect_read_only(str(path))) as connection:
        return read_header(connection)[1] == noted


def destroy(seed: int, *, runs: int, times: int) -> dict[tuple[str, str], dict[str, int]]:
    """Kill so many runs, damage what they leave, and return how often each outcome came of each damage to each file.

    Args:
        seed: Of the moments and places.
        runs: How many runs are killed.
        times: How often each file is cut, and a bit of it flipped.
    """
    chance = random.Random(seed)
    with served_emulator() as address, tempfile.TemporaryDirectory() as folder:
        places = [Path(folder, str(number)) for number in range(runs)]
        for place in places:
            place.mkdir()
        killed = [KilledBatch(address, place, chance) for place in places]  # before calls here have begun threads
        return count_outcomes(_cases(killed, times, chance))


def _cases(killed: list[KilledBatch], times: int, chance: random.Random) -> Iterator[tuple[Damage, str]]:
    for batch in killed:
        expected = batch.expect()
        for damage in damages(batch.files, batch.older, times, chance):
            yield damage, batch.outcome(damage, expected)


def main() -> None:
    """Damage as often as the command line says, print the outcomes, and exit with 1 if the promise is broken."""
    parser = argparse.ArgumentParser(description="Damage the files of a journal.")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--times", type=int, default=200)
    options = parser.parse_args()
    print("seed", options.seed)
    outcomes = destroy(options.seed, runs=options.runs, times=options.times)
    print(table(outcomes, OUTCOMES))
    sys.exit(any(set(counts) - KEPT for counts in outcomes.values()))


if __name__ == "__main__":
    main()
