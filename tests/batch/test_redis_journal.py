"""What is particular to a journal in Redis: its name, its lease, a server that ends, and what it keeps."""

from __future__ import annotations

import asyncio
import logging
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from fibonacci import Fibonacci, JournalError, RunResult
from fibonacci._batch import redis_commands, redis_lease, redis_opening
from fibonacci._batch.journal_location import RedisJournalURL, check_journal
from fibonacci._batch.journal_schema import JournalHeader
from fibonacci._batch.options import BatchOptions
from fibonacci._batch.redis_journal import RedisJournal
from fibonacci._batch.redis_opening import open_redis_journal
from fibonacci._batch.redis_records import keys_of
from fibonacci._batch.row import Row
from fibonacci._core.lease_messages import StoreError
from fibonacci._net.redis_connection import RedisConnection
from fibonacci.emulator import Emulator
from fibonacci.models import Execution
from tests.batch.conftest import REDIS_PASSWORD
from tests.batch.journals import JournalPlace, opened
from tests.emulator.api import tool
from tests.kit.mode import Mode
from tests.kit.redis import REDIS_SERVERS, RedisServer
from tests.kit.systems import linux_only

HEADER = JournalHeader("wf-1", "3", "column id")
DEFINITION = {"nodes": [tool("rest", "wait", {"seconds": "{{input.seconds}}"})]}
ROWS = [{"id": number, "seconds": 0.02} for number in range(12)]
ONCE = dict.fromkeys(range(12), 1)


@pytest.fixture
def place(redis_server: RedisServer, tmp_path: Path) -> JournalPlace:
    return JournalPlace(tmp_path, redis_server)


@pytest.fixture
def looking(redis_server: RedisServer) -> Iterator[Any]:
    """Return a client of the server of `place`."""
    with closing(redis_server.client()) as client:
        yield client


@pytest.fixture
def workflow(client: Fibonacci) -> str:
    return client.workflows.create(name="rester", definition=DEFINITION).id


def name_of(place: JournalPlace) -> str:
    return place.location.partition("=")[2]


def row(number: int) -> Row:
    made = Row(number, f"k{number}", {"n": number}, f'{{"n":{number}}}')
    made.intend(1_000.0)
    return made


def refusal(location: str, header: JournalHeader = HEADER) -> str:
    with pytest.raises(JournalError) as caught:
        opened(location, header)
    assert REDIS_PASSWORD not in f"{caught.value!r} {caught.value.path}"
    assert REDIS_PASSWORD.encode() not in pickle.dumps(caught.value)
    return str(caught.value)


def counts(client: Fibonacci, workflow: str) -> dict[int, int]:
    """Return how many executions the rows have, as the emulator has recorded them."""
    found = client.executions.list(workflow_id=workflow, limit=200)
    return Counter((each.model_extra or {})["inputs"]["id"] for each in found)


class TestNames:
    @pytest.mark.parametrize(
        ("url", "server", "name", "shown"),
        [
            ("redis://h:1/2?journal=a", "redis://h:1/2", "a", "redis://h:1/2?journal=a"),
            ("redis://h", "redis://h", None, "redis://h"),
            ("rediss://u:pw@h?db=1&journal=a%2Fb", "rediss://u:pw@h?db=1", "a/b", "rediss://h?journal=a%2Fb"),
            ("unix:///run/r?db=1&journal=a", "unix:///run/r?db=1", "a", "unix:///run/r?journal=a"),
        ],
    )
    def test_the_name_stands_in_the_url(self, url: str, server: str, name: str | None, shown: str) -> None:
        place = check_journal(url)
        assert isinstance(place, RedisJournalURL)
        assert (place.url, place.name, place.shown) == (server, name, shown)
        assert "pw" not in repr(place)

    @pytest.mark.parametrize(
        ("url", "text"),
        [
            ("redis://h?journal=", "must have 1 to 200 characters"),
            ("redis://h?journal=%7Ba%7D", "without braces"),
            ("redis://h?journal=a&journal=b", "more than once"),
            ("redis://:pw-7[@h?journal=a", "cannot be read"),
            ("http://:pw-7@h/0", "http is not supported"),
        ],
    )
    def test_a_url_that_is_refused_sends_nothing(self, client: Fibonacci, url: str, text: str) -> None:
        with pytest.raises(ValueError, match="journal") as caught:
            client.workflows.run_many("wf-1", [], journal=url)
        assert text in str(caught.value)
        assert "pw-7" not in str(caught.value)

    def test_what_the_client_of_redis_does_not_take(self, mode: Mode, emulator: Emulator) -> None:
        emulator.requests.clear()
        for more in ("nonsense=1", "ssl_ca_certs=/nowhere/ca.pem", "socket_timeout=x"):
            runs = mode.client_of(emulator).workflows.run_many("wf-1", [], journal=f"rediss://:pw-7@h?{more}")
            with pytest.raises(ValueError, match="journal: the URL of the Redis server") as caught:
                mode.each(runs, print)
            assert "pw-7" not in str(caught.value)
        assert emulator.requests.count == 0

    def test_without_a_name_a_workflow_has_its_own(self, redis_server: RedisServer, looking: Any) -> None:
        for header in (HEADER, HEADER._replace(workflow_id="wf-2")):
            opened(redis_server.url, header).close()
        assert all(looking.exists(keys_of(name)[0]) for name in ("wf-1", "wf-2"))
        assert "has keys by column id, not by index" in refusal(redis_server.url, HEADER._replace(key_rule="index"))

    def test_the_password_is_in_no_repr(self, place: JournalPlace) -> None:
        nothing = dict.fromkeys(("key", "inputs", "concurrency", "max_failures", "on_result", "organization"))
        more = {"timeout": 1, "on_unknown": "skip", "on_quota": "wait", "ordered": False, "progress": False}
        options = BatchOptions.checked([], journal=place.location, **nothing, **more)
        assert REDIS_PASSWORD not in repr(options)

    def test_redis_py_is_named_where_it_is_missing(
        self, mode: Mode, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "redis", None)
        for module in ("connection", "client"):
            monkeypatch.delitem(sys.modules, f"fibonacci._net.redis_{module}", raising=False)
        emulator.requests.clear()
        with pytest.raises(ImportError, match=r"pip install 'fibonacci-sdk\[redis\]'"):
            mode.each(mode.client_of(emulator).workflows.run_many("wf-1", [], journal="redis://h"), print)
        assert emulator.requests.count == 0


class TestRefusals:
    def test_a_newer_schema(self, place: JournalPlace, looking: Any) -> None:
        place.open(HEADER).close()
        looking.hset(keys_of(name_of(place))[0], "schema", 99)
        assert "newer fibonacci-sdk (schema 99): update fibonacci-sdk" in refusal(place.location)

    def test_keys_of_another_program_stay_as_they_are(self, place: JournalPlace, looking: Any) -> None:
        header, _, rows, *_ = keys_of(name_of(place))
        looking.set(header, "mine")
        assert "has keys of another program: pass another name" in refusal(place.location)
        assert looking.get(header) == b"mine"
        looking.delete(header)
        looking.hset(header, "mine", "1")
        looking.hset(rows, "mine", "1")
        assert "has keys of another program" in refusal(place.location)
        assert looking.hgetall(header) == {b"mine": b"1"}

    def test_rows_that_the_server_has_removed(self, place: JournalPlace, looking: Any) -> None:
        with closing(place.open(HEADER)) as journal:
            journal.write([row(1), row(2)])
            looking.delete(keys_of(name_of(place))[2])
            with pytest.raises(JournalError, match="has lost what this run wrote"):
                journal.write([row(3)])
        assert "has 0 rows of 2: the server has lost or removed some" in refusal(place.location)

    def test_a_server_that_is_started_a_moment_later(self) -> None:
        server = RedisServer()
        with ExitStack() as stack:
            timer = threading.Timer(0.2, lambda: stack.enter_context(server.running()))
            timer.start()
            opened(f"{server.url}?journal=a", HEADER).close()
            timer.join()

    def test_a_wrong_password(self, place: JournalPlace) -> None:
        began = time.monotonic()
        text = refusal(place.location.replace(REDIS_PASSWORD, "wrong-sword"))
        assert "cannot be opened (" in text
        assert "check the URL, user and password included" in text
        assert "wrong-sword" not in text
        assert time.monotonic() - began < 2

    def test_a_server_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_opening, "OPENED_WITHIN", 0.2)
        text = refusal(f"{RedisServer(password=REDIS_PASSWORD).url}?journal=a")
        assert "refused" in text
        assert "check the URL, and start the server" in text


HOLDER = """
import sys
from fibonacci._batch import redis_lease
from tests.batch.journals import opened
from tests.batch.test_redis_journal import HEADER

redis_lease.SECONDS = 0.9
journal = opened(sys.argv[1], HEADER)
print("open", flush=True)
sys.stdin.read()
"""


class TestLease:
    @pytest.mark.slow
    def test_another_process_until_it_is_killed(self, place: JournalPlace, caplog: pytest.LogCaptureFixture) -> None:
        """A lease that is renewed is refused; one that is not, of a process that was killed, is waited for."""
        caplog.set_level(logging.INFO, "fibonacci")
        command = [sys.executable, "-c", HOLDER, place.location]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "open\n"
            text = refusal(place.location)
            assert f"is used by another run (process {other.pid} on " in text
            assert " UTC, unless it is renewed" in text
            other.kill()
            other.wait()
            place.open(HEADER).close()
        assert "waiting up to 1 s for its lease" in caplog.text
        assert REDIS_PASSWORD not in caplog.text

    def test_it_is_renewed(self, place: JournalPlace, looking: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_lease, "SECONDS", 0.3)
        lease = keys_of(name_of(place))[1]
        with closing(place.open(HEADER)):
            time.sleep(0.5)
            assert looking.exists(lease)
        assert not looking.exists(lease)

    def test_who_has_lost_it_to_another_writes_nothing(self, place: JournalPlace, looking: Any) -> None:
        lease, intents = keys_of(name_of(place))[1], keys_of(name_of(place))[3]
        with closing(place.open(HEADER)) as first:
            first.write([row(1)])
            looking.delete(lease)  # it has lapsed while the process was suspended
            place.open(HEADER).close()
            with pytest.raises(JournalError, match=r"was taken over by another run \(process \d+ on .*starts and"):
                first.write([row(2)])
        assert set(looking.hgetall(intents)) == {b"k1"}

    def test_who_has_lost_it_to_nobody_continues(self, place: JournalPlace, looking: Any) -> None:
        lease, intents = keys_of(name_of(place))[1], keys_of(name_of(place))[3]
        with closing(place.open(HEADER)) as journal:
            looking.delete(lease)
            journal.write([row(1)])
            assert looking.exists(lease)
        assert set(looking.hgetall(intents)) == {b"k1"}

    def test_a_run_that_has_lost_it_starts_no_row(
        self, mode: Mode, emulator: Emulator, workflow: str, place: JournalPlace, looking: Any, client: Fibonacci
    ) -> None:
        started: list[int] = []

        def lose_it(result: RunResult) -> None:
            looking.delete(keys_of(name_of(place))[1])
            place.open(JournalHeader(workflow, "1", "column id")).close()
            started.append(sum(counts(client, workflow).values()))

        options: Any = {"key": "id", "journal": place.location, "concurrency": 2, "on_result": lose_it}
        with pytest.raises(JournalError, match="was taken over"):
            mode.each(mode.client_of(emulator).workflows.run_many(workflow, ROWS, **options), lambda _: None)
        assert set(started) == {sum(counts(client, workflow).values())}
        options = {"key": "id", "journal": place.location, "on_unknown": "rerun"}
        mode.each(mode.client_of(emulator).workflows.run_many(workflow, ROWS, **options), lambda _: None)
        assert counts(client, workflow) == ONCE


class Servers:
    """A server that a test ends and starts again.

    Args:
        server: The server.
    """

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self._stack = ExitStack()
        self.process = self._stack.enter_context(server.running())

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        """Start it again, with what it has kept."""
        self.process = self._stack.enter_context(self.server.running())

    def close(self) -> None:
        """End it."""
        self._stack.close()


@pytest.fixture(params=REDIS_SERVERS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Servers]:
    """Return a server of either kind that syncs each write."""
    with closing(Servers(RedisServer(request.param, password=REDIS_PASSWORD, folder=tmp_path))) as servers:
        yield servers


@pytest.fixture
def forgetful() -> Iterator[Servers]:
    """Return a server that keeps nothing."""
    with closing(Servers(RedisServer(password=REDIS_PASSWORD))) as servers:
        yield servers


class TestServersThatEnd:
    def run(self, mode: Mode, emulator: Emulator, workflow: str, servers: Servers, **options: Any) -> list[RunResult]:
        found: list[RunResult] = []
        named = {"key": "id", "journal": servers.server.url, "concurrency": 3, **options}
        mode.each(mode.client_of(emulator).workflows.run_many(workflow, ROWS, **named), found.append)
        return found

    def test_one_that_is_killed_and_started_again_in_mid_run(
        self, mode: Mode, emulator: Emulator, client: Fibonacci, workflow: str, kept: Servers
    ) -> None:
        threads: list[threading.Timer] = []

        def restart(_: RunResult) -> None:
            if not threads:
                kept.kill()
                threads.append(threading.Timer(0.2, kept.start))
                threads[0].start()

        found = self.run(mode, emulator, workflow, kept, on_result=restart)
        threads[0].join()
        assert [each.succeeded for each in found] == [True] * 12
        assert counts(client, workflow) == ONCE
        assert len(self.run(mode, emulator, workflow, kept)) == 12  # all of them from the journal
        assert counts(client, workflow) == ONCE

    def test_one_that_is_killed_for_good_starts_no_further_row(
        self,
        emulator: Emulator,
        client: Fibonacci,
        workflow: str,
        kept: Servers,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(redis_commands, "PATIENCE", 0.3)
        monkeypatch.setattr(redis_lease, "SECONDS", 0.6)
        options: Any = {"key": "id", "journal": kept.server.url, "concurrency": 3}
        runs = client.workflows.run_many(workflow, ROWS, on_result=lambda _: kept.kill(), **options)
        with pytest.raises(JournalError, match=r"refused.*call again with the same journal") as caught:
            runs.results()
        assert f"journal='{kept.server.url.replace(f':{REDIS_PASSWORD}@', '')}'" in caught.value.__notes__[-1]
        kept.start()
        in_journal = opened(kept.server.url, JournalHeader(workflow, "1", "column id"))
        assert all(in_journal.find(str(each), is_unique=False)[0] for each in counts(client, workflow))
        in_journal.close()
        again = client.workflows.run_many(workflow, ROWS, key="id", journal=kept.server.url).results()
        assert [each.succeeded for each in again] == [True] * 12
        assert counts(client, workflow) == ONCE

    def test_one_that_keeps_nothing_is_noticed(
        self, emulator: Emulator, client: Fibonacci, workflow: str, forgetful: Servers
    ) -> None:
        def restart(_: RunResult) -> None:
            forgetful.kill()
            forgetful.start()

        options: Any = {"key": "id", "journal": forgetful.server.url, "concurrency": 2}
        runs = client.workflows.run_many(workflow, ROWS, on_result=restart, **options)
        with pytest.raises(JournalError, match=r"has lost what this run wrote.*Set appendonly yes"):
            runs.results()
        assert 0 < sum(counts(client, workflow).values()) < 12

    def test_one_that_goes_back_to_a_snapshot_is_noticed(self, place: JournalPlace, looking: Any) -> None:
        header = keys_of(name_of(place))[0]
        with closing(place.open(HEADER)) as journal:
            one = row(1)
            journal.write([one])
            snapshot = {key: looking.dump(key) for key in keys_of(name_of(place)) if looking.exists(key)}
            one.execution_id = "exec_1"
            journal.write(started=[one])
            journal.write(withdrawn=[one])
            for key, value in snapshot.items():
                looking.restore(key, 0, value, replace=True)
            with pytest.raises(JournalError, match="has lost what this run wrote"):
                journal.write([row(2)])
        assert looking.exists(header)

    @linux_only
    def test_an_event_loop_goes_on_while_it_does_not_reply(
        self, emulator: Emulator, workflow: str, forgetful: Servers
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
            runs = client.workflows.run_many(workflow, ROWS, journal=forgetful.server.url, concurrency=2)
            async for _ in runs:
                if not ticks_while_stopped:
                    forgetful.process.send_signal(signal.SIGSTOP)
                    ticks.clear()
                    threading.Timer(0.4, go_on).start()
            ticking.cancel()
            assert str(runs.summary).startswith("12 done")

        asyncio.run(main())
        assert ticks_while_stopped[0] > 5

    def test_a_cancellation_leaves_no_row_with_an_intent_alone(
        self, emulator: Emulator, client: Fibonacci, workflow: str, place: JournalPlace
    ) -> None:
        async def main() -> None:
            for seconds in (0.02, 0.03, 0.05, 0.1):
                runs = emulator.async_client().workflows.run_many(
                    workflow, ROWS, key="id", journal=place.location, concurrency=2
                )
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds), runs:
                        async for _ in runs:
                            pass

        asyncio.run(main())
        results = client.workflows.run_many(workflow, ROWS, key="id", journal=place.location).results()
        assert [each.succeeded for each in results] == [True] * 12
        assert counts(client, workflow) == ONCE


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


def test_a_server_that_was_given_up_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that have something to write fail together, and not one after the other."""
    monkeypatch.setattr(redis_commands, "PATIENCE", 0.1)
    recorded = RecordedCommands(RedisConnection(RedisServer().url, "journal"))
    patient = redis_commands.PatientCommands(recorded, "redis://h")
    attempts: list[int] = []
    for _ in range(3):
        with pytest.raises(JournalError, match="refused"):
            patient.run(("PING",))
        attempts.append(len(recorded.names))
    assert 1 < attempts[0] == attempts[1] == attempts[2]


@pytest.fixture
def recorded(kept: Servers) -> Iterator[tuple[RedisJournal, RecordedCommands]]:
    """Return a journal on a server that syncs, and what it sends there."""
    commands = RecordedCommands(RedisConnection(kept.server.url, "journal"))
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

    def test_a_server_that_keeps_nothing_is_told_in_the_log(
        self, place: JournalPlace, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, "fibonacci"):
            place.open(HEADER).close()
        (record,) = caplog.records
        assert "is on a server without an append-only file (appendonly no)" in record.getMessage()
        assert REDIS_PASSWORD not in record.getMessage()

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (("--appendfsync", "everysec"), []),
            (("--rename-command", "CONFIG", "", "--appendonly", "no"), ["does not say whether it syncs its writes"]),
            (("--maxmemory-policy", "allkeys-lru"), ["may remove it when memory is short"]),
        ],
    )
    def test_what_servers_may_lose(
        self, options: tuple[str, ...], expected: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        server = RedisServer(folder=tmp_path)
        with server.running(*options), caplog.at_level(logging.WARNING, "fibonacci"):
            opened(f"{server.url}?journal=a", HEADER).close()
        assert len(caplog.records) == len(expected)
        assert all(text in record.getMessage() for record, text in zip(caplog.records, expected, strict=True))


def test_more_results_than_are_read_at_once(place: JournalPlace) -> None:
    rows = [row(number) for number in range(1_100)]
    execution = Execution.model_validate({"execution_id": "exec_1", "status": "completed", "outputs": {}})
    results = [RunResult(each.index, each.key, each.inputs, execution, None, "completed") for each in rows]
    journal = place.open(HEADER)
    journal.write(finished=list(zip(rows[::-1], results[::-1], strict=True)))
    assert list(journal.results()) == results
    journal.close()
    assert list(journal.results()) == results  # the run may have ended


def test_a_journal_with_many_rows_is_opened_at_once(place: JournalPlace, looking: Any) -> None:
    """`python -m tests.batch.scale` measures half a million."""
    place.open(HEADER).close()
    header, _, rows, _, executions, *_ = keys_of(name_of(place))
    script = """
    for n = 1, 50000 do
      redis.call('HSET', KEYS[1], 'k' .. n, cjson.encode({n, n, '00', '{}'}))
      redis.call('HSET', KEYS[2], 'k' .. n, 'exec_' .. n)
    end
    redis.call('HSET', KEYS[3], 'rows', 50000)
    """
    looking.eval(script, 3, rows, executions, header)
    began = time.monotonic()
    with closing(place.open(HEADER)) as journal:
        entry, _ = journal.find("k40000", is_unique=False)
        assert time.monotonic() - began < 0.5
    assert entry is not None
    assert entry.execution_id == "exec_40000"
    looking.unlink(rows, executions)
