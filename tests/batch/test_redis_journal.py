"""What is particular to a journal in Redis: its name, what is refused, and many rows."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from fibonacci import Fibonacci, JournalError
from fibonacci._batch import redis_journal, redis_opening
from fibonacci._batch.journal_location import RedisJournalURL, check_journal
from fibonacci._batch.options import BatchOptions
from fibonacci._batch.redis_journal import ACQUIRE
from fibonacci._batch.redis_opening import open_redis_journal
from fibonacci._batch.redis_records import COUNTED, EXECUTIONS, PARTS, keys_of
from fibonacci._batch.redis_records import HEADER as HEADER_KEY
from fibonacci._net.redis_client import RedisConnection
from fibonacci.emulator import Emulator
from tests.batch.journals import (
    HEADER,
    REDIS_PASSWORD,
    JournalPlace,
    completed,
    name_of,
    opened,
    refusal,
    row,
    started_as,
)
from tests.cli.invocation import invoke
from tests.kit.mode import Mode
from tests.kit.programs import find
from tests.kit.redis import RedisServer


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
            ("redis://h?journal=%7Ba%7D", "with no braces"),
            ("redis://h?journal=a&journal=b", "more than once"),
            ("redis://:pw-7[@h?journal=a", "is not valid"),
            ("http://:pw-7@h/0", "http is not supported"),
            ("redis:/:pw-7@h", "not 'redis:/***@h'. For a file with that name, put ./ before it"),
            ("rediss:u:pw-7@h/0?journal=a", "not 'rediss:***@h/0?journal=a'"),
            ("redis//:p/w-pw-7@h", "not 'redis//***@h'"),
            ("REDIS://:pw-7@h", "not 'REDIS://***@h'"),
            ("redsi:/:pw-7@h", "not 'redsi:/***@h'"),
            ("user:pw-7@h:6379/0", "not 'user:***@h:6379/0'"),
            (" redis://:pw-7@h/0?journal=a", "not ' redis://***@h/0?journal=a'"),
            ("redis :// :pw-7@h", "not 'redis :// :***@h'"),
            ("redis;//:pw-7@h", "not 'redis;//***@h'"),
            ("https//u:pw-7@h", "not 'https//***@h'"),
        ],
    )
    def test_a_url_that_is_refused_sends_nothing(
        self, client: Fibonacci, url: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ValueError, match="journal") as caught:
            client.workflows.run_many("wf-1", [], journal=url)
        assert text in str(caught.value)
        assert "pw-7" not in str(caught.value)
        for arguments in (["journal", "rows", url], ["journal", "stop", url], ["tools", "list", f"--jurnal={url}"]):
            run = invoke(*arguments)
            assert run.code == 64
            assert "pw-7" not in run.err + run.out
        assert not list(tmp_path.iterdir())

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
            opened(f"{redis_server.url}?durability=none", header).close()
        assert all(looking.exists(keys_of(name)[0]) for name in ("wf-1", "wf-2"))
        assert "takes its keys from column id, not from index" in refusal(
            f"{redis_server.url}?durability=none", HEADER._replace(key_rule="index")
        )

    def test_the_password_is_in_no_repr(self, redis_place: JournalPlace) -> None:
        parameters = signature(Fibonacci("key").workflows.run_many).parameters.values()
        options = BatchOptions([], {each.name: each.default for each in parameters} | {"journal": redis_place.location})
        assert REDIS_PASSWORD not in repr(options) + repr(options.journal)

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
    def test_a_newer_schema(self, redis_place: JournalPlace, looking: Any) -> None:
        redis_place.open(HEADER).close()
        looking.hset(keys_of(name_of(redis_place))[0], "schema", 99)
        assert "newer fibonacci-sdk (schema 99): update fibonacci-sdk" in refusal(redis_place.location)

    def test_a_header_that_no_run_wrote(self, redis_place: JournalPlace, looking: Any) -> None:
        redis_place.open(HEADER).close()
        looking.hset(keys_of(name_of(redis_place))[HEADER_KEY], "revision", "x-y")
        assert "has a damaged header (" in refusal(redis_place.location)

    def test_keys_of_another_program_stay_as_they_are(self, redis_place: JournalPlace, looking: Any) -> None:
        header, _, rows, *_ = keys_of(name_of(redis_place))
        looking.set(header, "mine")
        assert "has keys that belong to another program: pass another name" in refusal(redis_place.location)
        assert looking.get(header) == b"mine"
        looking.delete(header)
        looking.hset(header, "mine", "1")
        looking.hset(rows, "mine", "1")
        assert "has keys that belong to another program" in refusal(redis_place.location)
        assert looking.hgetall(header) == {b"mine": b"1"}

    def test_a_server_that_is_started_a_moment_later(self) -> None:
        find("redis-server")  # here: a test can't be skipped in another thread
        server = RedisServer()
        with ExitStack() as stack:
            timer = threading.Timer(0.2, lambda: stack.enter_context(server.running()))
            timer.start()
            opened(f"{server.url}?journal=a&durability=none", HEADER).close()
            timer.join()

    def test_a_wrong_password_is_tried_once(self, redis_place: JournalPlace, looking: Any) -> None:
        looking.config_resetstat()
        text = refusal(redis_place.location.replace(REDIS_PASSWORD, "wrong-sword"))
        assert "cannot be opened (" in text
        assert "check the URL, including the user and password" in text
        assert "wrong-sword" not in text
        assert looking.info("errorstats")["errorstat_WRONGPASS"] == {"count": 1}

    def test_a_server_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_opening, "OPENED_WITHIN", 0.2)
        text = refusal(f"{RedisServer(password=REDIS_PASSWORD).url}?journal=a")
        assert "refused" in text
        assert "check the URL, and start the server" in text


class TestLosses:
    """`tests.tools.batch.redis_destroyer` does all of it to whole batches, with a server that counts executes."""

    @pytest.mark.parametrize("part", COUNTED)
    def test_a_part_that_was_removed(self, part: int, redis_place: JournalPlace, looking: Any) -> None:
        one = row(1)
        with closing(redis_place.open(HEADER)) as journal:
            journal.write([one, row(2)])
            journal.write(finished=[(started_as(one, "exec_1"), completed(one))])
            looking.delete(keys_of(name_of(redis_place))[part])
            uses = (partial(journal.find, "k1", is_unique=False), partial(journal.write, [row(3)]), journal.results)
            for use in uses:
                with pytest.raises(JournalError, match=rf"part of its data: 0 of [12] {PARTS[part]}\. Rows") as lost:
                    list(use() or ())
                assert not lost.value.can_continue
        assert "has lost data, as process" in refusal(redis_place.location)
        looking.hdel(keys_of(name_of(redis_place))[HEADER_KEY], "lost")
        assert f" {PARTS[part]}. Rows that it lacks" in refusal(redis_place.location)

    def test_a_record_that_was_changed_or_belongs_to_another_row(self, redis_place: JournalPlace, looking: Any) -> None:
        executions = keys_of(name_of(redis_place))[EXECUTIONS]
        rows = [started_as(row(number), f"exec_{number}") for number in (1, 2)]
        with closing(redis_place.open(HEADER)) as journal:
            journal.write(rows, started=rows)
            changed = looking.hget(executions, "k1")[:-1] + b"7"
            for wrong in (changed, looking.hget(executions, "k2"), b"\xff"):
                looking.hset(executions, "k1", wrong)
                with pytest.raises(JournalError, match=r"is damaged \("):
                    journal.find("k1", is_unique=False)

    def test_what_was_removed_while_a_run_lasts_is_refused_everywhere(
        self, redis_place: JournalPlace, looking: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        with closing(redis_place.open(HEADER)) as journal:
            journal.write([row(1), row(2)])
            looking.delete(*keys_of(name_of(redis_place)))
            with pytest.raises(JournalError, match=r"was emptied or removed on its server. It held 2 rows of this run"):
                journal.find("k1", is_unique=False)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another-machine"))
        text = refusal(redis_place.location)
        assert f"has lost data, as process {os.getpid()} on " in text
        assert "find out with executions.list(workflow_id=...) which rows have run" in text

    def test_a_journal_that_was_begun_again_meanwhile_is_refused_to_both_runs(
        self, redis_place: JournalPlace, looking: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        with closing(redis_place.open(HEADER)) as first:
            first.write([row(1)])
            looking.delete(*keys_of(name_of(redis_place)))
            monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another-machine"))
            with closing(redis_place.open(HEADER)) as second:
                second.write([row(1)])
                with pytest.raises(JournalError, match="everything it wrote is missing"):
                    first.write([row(2)])
                with pytest.raises(JournalError, match="has lost data, as process"):
                    second.write([row(2)])

    def test_what_is_removed_while_it_is_opened(self, redis_place: JournalPlace, looking: Any) -> None:
        keys = keys_of(name_of(redis_place))

        class Emptied(RedisConnection):
            def run(self, *commands: Sequence[object]) -> list[Any]:
                if commands[0][1:2] == (ACQUIRE,):
                    looking.delete(*keys)
                return super().run(*commands)

        with closing(redis_place.open(HEADER)) as journal:
            journal.write([row(1)])
        place = check_journal(redis_place.location)
        assert isinstance(place, RedisJournalURL)
        with pytest.raises(JournalError, match="was removed and started over: the previous one had 1 row a moment ago"):
            open_redis_journal(Emptied(place.url), place, HEADER)

    def test_a_run_that_ends_looks_whether_it_is_still_there(self, redis_place: JournalPlace, looking: Any) -> None:
        with closing(redis_place.open(HEADER)) as journal:
            journal.write([row(1)])
            looking.delete(*keys_of(name_of(redis_place)))
        assert "has lost data, as process" in refusal(redis_place.location)

    def test_what_was_removed_while_nothing_ran_is_noticed_on_the_same_machine(
        self, redis_place: JournalPlace, looking: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        with closing(redis_place.open(HEADER)) as journal:
            journal.write([row(1)])
        looking.delete(*keys_of(name_of(redis_place)))
        assert "is no longer on its server, and had 1 row when a run on this machine" in refusal(redis_place.location)
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("XDG_STATE_HOME", str(tmp_path / "another-machine"))
            assert "resume=True needs a journal that has some" in refusal(redis_place.location, resume=True)
            redis_place.open(HEADER).close()
        assert "was removed and started over: the previous one had 1 row" in refusal(redis_place.location)
        (mark,) = (tmp_path / "state").rglob("*.json")
        assert mark.stat().st_mode & 0o777 == 0o600
        mark.write_text("")  # as a crash of the machine leaves it
        redis_place.open(HEADER).close()
        looking.delete(*keys_of(name_of(redis_place)))
        unreadable = refusal(redis_place.location)
        assert "and had 0 rows when a run on this machine" in unreadable
        assert f"To use the name anyway, remove {mark}, which remembers this" in unreadable
        mark.unlink()
        redis_place.open(HEADER).close()

    def test_older_data_is_noticed(
        self, redis_place: JournalPlace, looking: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """As after the promotion of a replica, or a restart with a snapshot."""

        def snapshot() -> dict[str, bytes]:  # without the lease, which lapses by itself
            header, _, *parts = keys_of(name_of(redis_place))
            return {key: looking.dump(key) for key in (header, *parts) if looking.exists(key)}

        def restore(snapshot: dict[str, bytes]) -> None:
            looking.delete(*keys_of(name_of(redis_place)))
            for key, value in snapshot.items():
                looking.restore(key, 0, value)

        redis_place.open(HEADER).close()
        with closing(redis_place.open(HEADER)) as journal:
            journal.write([row(1)])
            older = snapshot()
            journal.write([row(2)])
            journal.write([row(3)])
            newer = snapshot()
            restore(older)
            with pytest.raises(JournalError, match="has older data: the last 2 writes of this run are missing"):
                journal.write([row(4)])
        restore(older)
        assert "it had 3 rows when a run on this machine last used it" in refusal(redis_place.location)
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("XDG_STATE_HOME", str(tmp_path / "another-machine"))
            with closing(redis_place.open(HEADER)) as journal:
                for number in range(4, 9):
                    journal.write([row(number)])
        older_data = refusal(redis_place.location)
        assert "has older data: it had 3 rows when a run on this machine" in older_data
        assert "and the last 2 writes before that are missing" in older_data
        restore(newer)
        redis_place.open(HEADER).close()

    def test_a_machine_where_nothing_can_be_kept(
        self,
        redis_place: JournalPlace,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
        with caplog.at_level(logging.INFO, "fibonacci"), closing(redis_place.open(HEADER)) as journal:
            journal.write([row(1)])
            journal.write([row(2)])
        assert sum("has no mark on this machine" in record.getMessage() for record in caplog.records) == 1

    def test_a_user_without_a_home(self, redis_place: JournalPlace, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.delenv("XDG_STATE_HOME")
        monkeypatch.setattr(Path, "home", fail)
        with closing(redis_place.open(HEADER)) as journal:
            journal.write([row(1)])
        redis_place.open(HEADER, resume=True).close()


def test_more_results_than_are_read_at_once(redis_place: JournalPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_journal, "_AT_ONCE", 5)
    rows = [row(number) for number in range(11)]
    results = [completed(each) for each in rows]
    journal = redis_place.open(HEADER)
    journal.write(finished=list(zip(rows[::-1], results[::-1], strict=True)))
    assert list(journal.results()) == results
    journal.close()
    assert list(journal.results()) == results  # the run may have ended


def test_opening_a_journal_reads_few_of_its_rows(redis_place: JournalPlace, looking: Any) -> None:
    """`python -m tests.tools.batch.scale` measures half a million."""
    with closing(redis_place.open(HEADER)) as journal:
        journal.write(rows := [row(number) for number in range(500)])
        journal.write(started=[started_as(each, f"exec_{each.index}") for each in rows])
    replies: list[str] = []

    class Recorded(RedisConnection):
        def run(self, *commands: Sequence[object]) -> list[Any]:
            replies.append(repr(reply := super().run(*commands)))
            return reply

    place = check_journal(redis_place.location)
    assert isinstance(place, RedisJournalURL)
    with closing(open_redis_journal(Recorded(place.url), place, HEADER)) as journal:
        entry, _ = journal.find("k400", is_unique=False)
    assert entry is not None
    assert entry.execution_id == "exec_400"
    assert replies
    assert len("".join(replies)) < 5_000
