"""A journal in a Redis that ends, that is started again, and that keeps less than it was given."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fibonacci import Fibonacci, JournalError, RunResult, Runs, UnknownOutcomeError
from fibonacci._batch import redis_journal
from fibonacci._batch.journal_location import RedisJournalURL, check_journal
from fibonacci._batch.journal_schema import JournalHeader
from fibonacci._batch.redis_journal import RedisJournal
from fibonacci._batch.redis_opening import open_redis_journal
from fibonacci._batch.redis_records import HEADER as HEADER_KEY
from fibonacci._batch.redis_records import keys_of
from fibonacci._core.shared_window import StoreError
from fibonacci._net.redis_client import RedisConnection
from fibonacci.emulator import Emulator
from tests.batch.journals import HEADER, REDIS_PASSWORD, JournalPlace, Servers, counts, opened, refusal, row
from tests.kit.mode import Mode
from tests.kit.redis import RedisServer
from tests.kit.systems import linux_only

ROWS = [{"id": number, "seconds": 0.02} for number in range(12)]
ONCE = dict.fromkeys(range(12), 1)


def loop(runs: Runs, body: Callable[[RunResult], object]) -> None:
    for result in runs:
        body(result)


@pytest.mark.slow
class TestServersThatEnd:
    def run(
        self,
        mode: Mode,
        emulator: Emulator,
        workflow: str,
        servers: Servers,
        body: Callable[[RunResult], object] = lambda _: None,
    ) -> list[RunResult]:
        found: list[RunResult] = []
        named: Any = {"key": "id", "journal": servers.server.url, "concurrency": 3}
        runs = mode.client_of(emulator).workflows.run_many(workflow, ROWS, **named)
        mode.each(runs, found.append, body)
        return found

    def test_one_that_is_killed_and_started_again_in_mid_run(
        self, mode: Mode, emulator: Emulator, client: Fibonacci, rester: str, kept: Servers
    ) -> None:
        threads: list[threading.Timer] = []

        def restart(_: RunResult) -> None:
            if not threads:
                kept.kill()
                threads.append(threading.Timer(0.2, kept.start))
                threads[0].start()

        found = self.run(mode, emulator, rester, kept, restart)
        threads[0].join()
        assert [each.succeeded for each in found] == [True] * 12
        assert counts(client, rester) == ONCE
        assert len(self.run(mode, emulator, rester, kept)) == 12  # all of them from the journal
        assert counts(client, rester) == ONCE

    def test_one_that_is_killed_for_good_starts_no_further_row(
        self,
        emulator: Emulator,
        client: Fibonacci,
        rester: str,
        kept: Servers,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(redis_journal, "PATIENCE", 0.3)
        monkeypatch.setattr(redis_journal, "SECONDS", 0.6)
        options: Any = {"key": "id", "journal": kept.server.url, "concurrency": 3}
        runs = client.workflows.run_many(rester, ROWS, **options)
        with pytest.raises(JournalError, match=r"refused.*the same call continues, unless") as caught:
            loop(runs, lambda _: kept.kill())
        assert f"journal='{kept.server.url.replace(f':{REDIS_PASSWORD}@', '')}'" in caught.value.__notes__[-1]
        kept.start()
        in_journal = opened(kept.server.url, JournalHeader(rester, "1", "column id"))
        assert all(in_journal.find(str(each), is_unique=False)[0] for each in counts(client, rester))
        in_journal.close()
        url = kept.server.url
        again = client.workflows.run_many(rester, ROWS, key="id", journal=url)
        with suppress(UnknownOutcomeError):  # of those whose ids it could not take any more
            again.results()
        assert again.summary.succeeded + again.summary.unknown == 12
        assert {*counts(client, rester).values()} == {1}

    def test_one_that_keeps_nothing_is_noticed(
        self, emulator: Emulator, client: Fibonacci, rester: str, forgetful: Servers
    ) -> None:
        def restart(_: RunResult) -> None:
            forgetful.kill()
            forgetful.start()

        location = f"{forgetful.server.url}?durability=none"
        options: Any = {"key": "id", "journal": location, "concurrency": 2}
        with pytest.raises(JournalError, match=r"was emptied or removed on its server") as caught:
            loop(client.workflows.run_many(rester, ROWS, **options), restart)
        assert "the same call" not in f"{caught.value} {caught.value.__notes__}"
        started = counts(client, rester)
        assert 0 < sum(started.values()) < 12
        with pytest.raises(JournalError, match="has lost data, as process"):
            client.workflows.run_many(rester, ROWS, **options).results()
        assert counts(client, rester) == started

    @linux_only
    def test_an_event_loop_goes_on_while_it_does_not_reply(
        self, emulator: Emulator, rester: str, forgetful: Servers
    ) -> None:
        ticks: list[float] = []
        ticks_while_stopped: list[int] = []

        def go_on() -> None:
            ticks_while_stopped.append(len(ticks))
            forgetful.process.send_signal(signal.SIGCONT)

        async def tick() -> None:
            while True:
                ticks.append(time.monotonic())
                await asyncio.sleep(0.01)

        async def main() -> None:
            ticking = asyncio.create_task(tick())
            client = emulator.async_client()
            runs = client.workflows.run_many(
                rester, ROWS, journal=f"{forgetful.server.url}?durability=none", concurrency=2
            )
            async for _ in runs:
                if not ticks_while_stopped:
                    forgetful.process.send_signal(signal.SIGSTOP)
                    ticks.clear()
                    threading.Timer(0.4, go_on).start()
            ticking.cancel()
            assert str(runs.summary).startswith("12 succeeded")

        asyncio.run(main())
        assert ticks_while_stopped[0] > 5

    def test_a_cancellation_leaves_no_row_with_an_intent_alone(
        self, emulator: Emulator, client: Fibonacci, rester: str, redis_place: JournalPlace
    ) -> None:
        async def main() -> None:
            for seconds in (0.02, 0.03, 0.05, 0.1):
                runs = emulator.async_client().workflows.run_many(
                    rester, ROWS, key="id", journal=redis_place.location, concurrency=2
                )
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds), runs:
                        async for _ in runs:
                            pass

        asyncio.run(main())
        results = client.workflows.run_many(rester, ROWS, key="id", journal=redis_place.location).results()
        assert [each.succeeded for each in results] == [True] * 12
        assert counts(client, rester) == ONCE


class RecordedCommands:
    """A server of which a test sees the commands, and that fails where it is told to.

    Args:
        connection: The server.
    """

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self.names: list[list[object]] = []
        self.replies: list[StoreError | list[Any]] = []

    def run(self, *commands: Sequence[object]) -> list[Any]:
        self.names.append([command[0] for command in commands])
        replies = self._connection.run(*commands)
        if self.replies:
            reply = self.replies.pop(0)
            if isinstance(reply, StoreError):
                raise reply
            return reply
        return replies

    def close(self) -> None:
        self._connection.close()


class AbsentServer:
    """A server that cannot be used, and a clock that moves when somebody sleeps.

    Attributes:
        error: Why it cannot be used; None when it can.
        asked_at: The times of the commands.
    """

    def __init__(self) -> None:
        self.error: StoreError | None = StoreError("refused")
        self.asked_at: list[float] = []
        self.now = 0.0

    def run(self, *commands: Sequence[object]) -> list[Any]:
        self.asked_at.append(self.now)
        if self.error is not None:
            raise self.error
        return [b"PONG" for _ in commands]

    def close(self) -> None: ...

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class TestPatience:
    @pytest.fixture
    def absent(self, monkeypatch: pytest.MonkeyPatch) -> AbsentServer:
        absent = AbsentServer()
        monkeypatch.setattr(redis_journal, "time", absent)
        return absent

    def test_a_server_that_cannot_be_used_is_waited_for_half_a_minute(
        self, absent: AbsentServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        patient = redis_journal.RetryingCommands(absent, "redis://h")
        with (
            caplog.at_level(logging.INFO, "fibonacci"),
            pytest.raises(JournalError, match=r"cannot be used for 30 s \(refused\)"),
        ):
            patient.run(("PING",))
        delays = [after - before for before, after in pairwise(absent.asked_at)]
        assert delays == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, *[1.0] * 28])
        (record,) = caplog.records
        assert record.getMessage().endswith("cannot be used (refused): waiting up to 30 s")

    def test_once_given_up_it_is_tried_again_after_five_seconds_and_only_once(self, absent: AbsentServer) -> None:
        patient = redis_journal.RetryingCommands(absent, "redis://h")
        for wait, attempts in ((0.0, 34), (0.0, 0), (4.9, 0), (0.1, 1), (4.9, 0), (0.1, 1)):
            absent.now += wait
            absent.asked_at.clear()
            with pytest.raises(JournalError, match="cannot be used") as caught:
                patient.run(("PING",))
            assert len(absent.asked_at) == attempts
            assert ("for 30 s" in str(caught.value)) == (attempts > 1)
        absent.error = None
        absent.now += 5.0
        assert patient.run(("PING",), ("PING",)) == [b"PONG", b"PONG"]
        absent.error = StoreError("refused")
        absent.asked_at.clear()
        with pytest.raises(JournalError, match="for 30 s"):
            patient.run(("PING",))
        assert len(absent.asked_at) == 34

    def test_what_waiting_does_not_help_is_not_waited_for(self, absent: AbsentServer) -> None:
        absent.error = StoreError("wrong password", is_lasting=True)
        with pytest.raises(JournalError, match=r"cannot be used \(wrong password\)"):
            redis_journal.RetryingCommands(absent, "redis://h").run(("PING",))
        assert absent.asked_at == [0.0]


@pytest.fixture
def recorded(kept: Servers) -> Iterator[tuple[RedisJournal, RecordedCommands]]:
    """Return a journal on a server that syncs, and what it sends there."""
    commands = RecordedCommands(RedisConnection(kept.server.url))
    place = check_journal(f"{kept.server.url}?journal=a")
    assert isinstance(place, RedisJournalURL)
    with closing(open_redis_journal(commands, place, HEADER)) as journal:
        commands.names.clear()
        yield journal, commands


class TestDurability:
    def test_an_intent_waits_for_the_sync(self, recorded: tuple[RedisJournal, RecordedCommands]) -> None:
        journal, commands = recorded
        one = row(1)
        journal.write([one])
        journal.write(withdrawn=[one])
        assert commands.names == [["EVAL", "WAITAOF"], ["EVAL"]]
        commands.names.clear()
        commands.replies = [[[b"written"], [0, 0]]]  # not synced in time
        one.intend(2_000.0)
        journal.write([one])
        assert commands.names == [["EVAL", "WAITAOF"]] * 2

    def test_a_lost_reply_does_no_harm(self, recorded: tuple[RedisJournal, RecordedCommands]) -> None:
        journal, commands = recorded
        commands.replies = [StoreError("lost")]
        journal.write([row(1)])
        journal.write([row(2)])
        found = [journal.find(key, is_unique=False)[0] for key in ("k1", "k2")]
        assert [entry and entry.number for entry in found] == [1, 2]

    def test_no_two_writes_have_the_same_stamp(
        self, recorded: tuple[RedisJournal, RecordedCommands], kept: Servers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else the server could go back to the first of them unnoticed."""
        monkeypatch.setattr(redis_journal, "_TRIED_AGAIN_AFTER", 0.0)
        journal, commands = recorded

        def stamp() -> bytes:
            with closing(kept.server.client()) as looking:
                return bytes(looking.hget(keys_of("a")[HEADER_KEY], "revision"))

        commands.replies = [StoreError("lost", is_lasting=True)]
        with pytest.raises(JournalError, match="lost"):
            journal.write([row(1)])
        first = stamp()
        journal.write([row(2)])
        assert stamp() != first

    @pytest.mark.parametrize(
        ("options", "text", "durability"),
        [
            (("--appendfsync", "everysec"), "with appendfsync everysec, which may lose its last writes", "everysec"),
            (("--appendfsync", "no"), "with appendfsync no, which may lose all of it in a crash", "none"),
            (("--appendonly", "no"), "with appendonly no, which may lose all of it in a crash", "none"),
            (("--maxmemory-policy", "allkeys-lru"), "with maxmemory-policy allkeys-lru, which may evict it", "none"),
            (("--rename-command", "CONFIG", "", "--appendonly", "no"), "does not say whether it keeps its", "none"),
        ],
    )
    def test_a_server_that_may_lose_something_is_refused_unless_the_url_allows_it(
        self,
        options: tuple[str, ...],
        text: str,
        durability: str,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        server = RedisServer(folder=tmp_path)
        location = f"{server.url}?journal=a"
        with server.running(*options), caplog.at_level(logging.WARNING, "fibonacci"):
            refused = refusal(location)
            assert text in refused
            assert f"add durability={durability} to the URL" in refused
            assert not caplog.records
            with closing(server.client()) as looking:
                assert looking.dbsize() == 0
            opened(f"{location}&durability={durability}", HEADER).close()
        assert [text in record.getMessage() for record in caplog.records] == [True] * (durability == "none")

    def test_a_server_that_refuses_config_and_confirms_its_syncs_is_used(self, tmp_path: Path) -> None:
        server = RedisServer(folder=tmp_path)
        with server.running("--rename-command", "CONFIG", ""):
            opened(f"{server.url}?journal=a", HEADER).close()
