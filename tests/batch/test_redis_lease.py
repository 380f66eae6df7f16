"""The lease of a journal in Redis: one run at a time, and nothing written without it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import Any

import pytest

from fibonacci import Fibonacci, JournalError, RunResult, UnknownOutcomeError
from fibonacci._batch import redis_journal
from fibonacci._batch.journal import Journal
from fibonacci._batch.redis_journal import ACQUIRE, RELEASE, RENEW
from fibonacci._batch.redis_records import keys_of
from fibonacci._core.shared_window import StoreError
from fibonacci.emulator import Emulator
from tests.batch.journals import (
    HEADER,
    REDIS_PASSWORD,
    JournalPlace,
    another_process,
    counts,
    name_of,
    opened,
    refusal,
    row,
)
from tests.emulator.handling import wait_until
from tests.kit.mode import Mode
from tests.kit.systems import needs_fork

ROWS = [{"id": number, "seconds": 0.02} for number in range(12)]
ONCE = dict.fromkeys(range(12), 1)


class TestLease:
    @needs_fork
    @pytest.mark.slow
    def test_another_process_until_it_is_killed(
        self, redis_place: JournalPlace, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A lease that is renewed is refused; one that is not, of a process that was killed, is waited for."""
        caplog.set_level(logging.INFO, "fibonacci")

        def open_it() -> Journal:
            monkeypatch.setattr(redis_journal, "SECONDS", 0.9)  # in that process
            return opened(redis_place.location, HEADER)

        with another_process(open_it) as process:
            text = refusal(redis_place.location)
            assert f"is used by another run (process {process} on " in text
            assert " UTC, unless it is renewed" in text
        redis_place.open(HEADER).close()
        assert "waiting up to 1 s for its lease" in caplog.text
        assert REDIS_PASSWORD not in caplog.text

    def test_it_is_renewed(self, redis_place: JournalPlace, looking: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_journal, "_RENEWALS", 900)  # one every 10 ms
        lease = keys_of(name_of(redis_place))[1]
        with closing(redis_place.open(HEADER)):
            assert looking.expire(lease, 3600)
            wait_until(lambda: 0 < looking.pttl(lease) <= redis_journal.milliseconds())
        assert not looking.exists(lease)

    def test_a_lease_of_another_run_is_waited_for_unless_it_is_renewed(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        sleeps: list[float] = []
        monkeypatch.setattr("time.sleep", sleeps.append)

        class Held:
            """A server on which another run has the lease for so many milliseconds, one number at each question."""

            def __init__(self, *left: int) -> None:
                self._left = list(left)

            def run(self, *commands: Sequence[object]) -> list[Any]:
                if self._left:
                    return [[b"other", self._left.pop(0), b"process 1 on h"]]
                return [[str(commands[0][-3]).encode()] if commands[0][1] == ACQUIRE else 1]

            def close(self) -> None: ...

        lease = redis_journal.JournalLease(Held(600, 150, 0), "redis://h", [])
        with caplog.at_level(logging.INFO, "fibonacci"):
            lease.acquire([])
        lease.release()
        (record,) = caplog.records
        assert record.getMessage().endswith("is used by another run (process 1 on h): waiting up to 1 s for its lease")
        assert sleeps == pytest.approx([0.455, 0.155, 0.005])
        text = r"is used by another run \(process 1 on h\), whose lease expires in 9 s"
        with pytest.raises(JournalError, match=text):
            redis_journal.JournalLease(Held(600, 9000), "redis://h", []).acquire([])

    def test_a_renewal_that_fails_is_repeated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_journal, "SECONDS", 0.03)
        scripts: list[object] = []
        renewed_again = threading.Event()

        class FailingOnce:
            def run(self, *commands: Sequence[object]) -> list[Any]:
                (command,) = commands
                scripts.append(command[1])
                if scripts.count(RENEW) == 1:
                    raise StoreError("lost")
                if scripts.count(RENEW) == 3:
                    renewed_again.set()
                return [[lease.token.encode()] if command[1] == ACQUIRE else 1]

            def close(self) -> None: ...

        lease = redis_journal.JournalLease(FailingOnce(), "redis://h", ["header", "lease"])
        lease.acquire([])
        assert renewed_again.wait(30)
        lease.release()
        assert scripts[:4] == [ACQUIRE, *[RENEW] * 3]
        assert scripts[-1] == RELEASE

    def test_who_has_lost_it_to_another_writes_nothing(
        self, redis_place: JournalPlace, looking: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(redis_journal, "SECONDS", 3600.0)  # a renewal would take it back
        lease, intents = keys_of(name_of(redis_place))[1], keys_of(name_of(redis_place))[3]
        with closing(redis_place.open(HEADER)) as first:
            first.write([row(1)])
            looking.delete(lease)  # it has lapsed while the process was suspended
            redis_place.open(HEADER).close()
            with pytest.raises(JournalError, match=r"was taken over by another run \(process \d+ on .*starts and"):
                first.write([row(2)])
        assert set(looking.hgetall(intents)) == {b"k1"}

    def test_who_has_lost_it_to_nobody_continues(
        self, redis_place: JournalPlace, looking: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(redis_journal, "SECONDS", 3600.0)  # a renewal would take it back, not the write
        lease, intents = keys_of(name_of(redis_place))[1], keys_of(name_of(redis_place))[3]
        with closing(redis_place.open(HEADER)) as journal:
            looking.delete(lease)
            journal.write([row(1)])
            assert looking.exists(lease)
        assert set(looking.hgetall(intents)) == {b"k1"}

    def test_a_run_that_has_lost_it_starts_no_row(
        self, mode: Mode, emulator: Emulator, rester: str, redis_place: JournalPlace, looking: Any, client: Fibonacci
    ) -> None:
        header, _, _, intents = keys_of(name_of(redis_place))[:4]
        intended: list[int] = []

        def lose_it(result: RunResult) -> None:
            number, _, run = looking.hget(header, "revision").decode().partition("-")
            taken = {"holder": "another", "process": "process 7 on another-host", f"run:{run}": number}
            looking.hset(header, mapping=taken)
            intended.append(looking.hlen(intents))

        def run(body: Callable[[RunResult], None] = lambda _: None, **more: Any) -> None:
            options = {"key": "id", "journal": redis_place.location, **more}
            mode.each(mode.client_of(emulator).workflows.run_many(rester, ROWS, **options), body)

        with pytest.raises(JournalError, match="was taken over"):
            run(lose_it, concurrency=2)
        # What was intended before may start after it, and nothing else.
        assert {*intended} == {looking.hlen(intents)}
        assert sum(counts(client, rester).values()) <= intended[0] < len(ROWS)
        with suppress(UnknownOutcomeError):  # of what was intended and has not started
            run()
        assert {*counts(client, rester).values()} == {1}
