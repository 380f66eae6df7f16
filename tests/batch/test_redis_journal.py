"""What is particular to a journal in Redis: its name, what is refused, and many rows."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import ExitStack, closing
from typing import Any

import pytest

from fibonacci import Fibonacci, JournalError
from fibonacci._batch import redis_opening
from fibonacci._batch.journal_location import RedisJournalURL, check_journal
from fibonacci._batch.options import BatchOptions
from fibonacci._batch.redis_records import keys_of
from fibonacci.emulator import Emulator
from tests.batch.journals import HEADER, REDIS_PASSWORD, JournalPlace, completed, name_of, opened, refusal, row
from tests.kit.assertions import is_quick
from tests.kit.mode import Mode
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

    def test_the_password_is_in_no_repr(self, redis_place: JournalPlace) -> None:
        bounds = ("max_failures", "max_unknown", "max_rows")
        nothing = dict.fromkeys(("key", "inputs", "concurrency", *bounds, "on_result", "organization_id"))
        policies = {"if_unknown": "skip", "if_quota_exceeded": "wait", "if_new_version": "raise"}
        more = {"timeout": 1, "ordered": False, "progress": False, "retry_failed": False, **policies}
        options = BatchOptions.checked([], journal=redis_place.location, **nothing, **more)
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
    def test_a_newer_schema(self, redis_place: JournalPlace, looking: Any) -> None:
        redis_place.open(HEADER).close()
        looking.hset(keys_of(name_of(redis_place))[0], "schema", 99)
        assert "newer fibonacci-sdk (schema 99): update fibonacci-sdk" in refusal(redis_place.location)

    def test_keys_of_another_program_stay_as_they_are(self, redis_place: JournalPlace, looking: Any) -> None:
        header, _, rows, *_ = keys_of(name_of(redis_place))
        looking.set(header, "mine")
        assert "has keys of another program: pass another name" in refusal(redis_place.location)
        assert looking.get(header) == b"mine"
        looking.delete(header)
        looking.hset(header, "mine", "1")
        looking.hset(rows, "mine", "1")
        assert "has keys of another program" in refusal(redis_place.location)
        assert looking.hgetall(header) == {b"mine": b"1"}

    def test_rows_that_the_server_has_removed(self, redis_place: JournalPlace, looking: Any) -> None:
        with closing(redis_place.open(HEADER)) as journal:
            journal.write([row(1), row(2)])
            looking.delete(keys_of(name_of(redis_place))[2])
            with pytest.raises(JournalError, match="has lost what this run wrote"):
                journal.write([row(3)])
        assert "has 0 rows of 2: the server has lost or removed some" in refusal(redis_place.location)

    def test_a_server_that_has_lost_the_last_write(self, redis_place: JournalPlace, looking: Any) -> None:
        one = row(1)
        with closing(redis_place.open(HEADER)) as journal:
            journal.write([one])
            journal.write(started=[one])
            looking.hset(keys_of(name_of(redis_place))[0], "writes", 1)
            with pytest.raises(JournalError, match="has lost what this run wrote"):
                journal.write(withdrawn=[one])

    def test_a_server_that_is_started_a_moment_later(self) -> None:
        server = RedisServer()
        with ExitStack() as stack:
            timer = threading.Timer(0.2, lambda: stack.enter_context(server.running()))
            timer.start()
            opened(f"{server.url}?journal=a", HEADER).close()
            timer.join()

    def test_a_wrong_password(self, redis_place: JournalPlace) -> None:
        began = time.monotonic()
        text = refusal(redis_place.location.replace(REDIS_PASSWORD, "wrong-sword"))
        assert "cannot be opened (" in text
        assert "check the URL, user and password included" in text
        assert "wrong-sword" not in text
        assert time.monotonic() - began < 5

    def test_a_server_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_opening, "OPENED_WITHIN", 0.2)
        text = refusal(f"{RedisServer(password=REDIS_PASSWORD).url}?journal=a")
        assert "refused" in text
        assert "check the URL, and start the server" in text


def test_more_results_than_are_read_at_once(redis_place: JournalPlace) -> None:
    rows = [row(number) for number in range(1_100)]
    results = [completed(each) for each in rows]
    journal = redis_place.open(HEADER)
    journal.write(finished=list(zip(rows[::-1], results[::-1], strict=True)))
    assert list(journal.results()) == results
    journal.close()
    assert list(journal.results()) == results  # the run may have ended


def test_a_journal_with_many_rows_is_opened_at_once(redis_place: JournalPlace, looking: Any) -> None:
    """`python -m tests.batch.scale` measures half a million."""
    redis_place.open(HEADER).close()
    header, _, rows, _, executions, *_ = keys_of(name_of(redis_place))
    script = """
    for n = 1, 50000 do
      redis.call('HSET', KEYS[1], 'k' .. n, cjson.encode({n, n, '00', '{}', cjson.null}))
      redis.call('HSET', KEYS[2], 'k' .. n, cjson.encode({'exec_' .. n, '3'}))
    end
    redis.call('HSET', KEYS[3], 'rows', 50000)
    """
    looking.eval(script, 3, rows, executions, header)

    def open_and_find() -> None:
        with closing(redis_place.open(HEADER)) as journal:
            entry, _ = journal.find("k40000", is_unique=False)
        assert entry is not None
        assert entry.execution_id == "exec_40000"

    assert is_quick(open_and_find, 0.5)
    looking.unlink(rows, executions)
