"""The journal in PostgreSQL: what it says of trouble, who has it after a lost connection, no password in texts."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any
from unittest.mock import Mock

import pytest

from fibonacci import Fibonacci, JournalError, UnknownOutcomeError, read_journal
from fibonacci._batch.options import PostgresPlace, postgres_place
from fibonacci._batch.rows import Row
from tests.batch.journals import HEADER, ended, row, started_as
from tests.kit.assertions import each_row
from tests.kit.postgres import PostgresServer

try:
    import psycopg

    from fibonacci._batch import postgres_journal
    from fibonacci._batch.postgres_journal import PostgresJournal, open_postgres_journal
except ImportError:
    pytest.skip("needs psycopg and libpq", allow_module_level=True)

SECRET = "secret"


def place_in(server: PostgresServer, **changes: str) -> PostgresPlace:
    """Return a place for a new journal."""
    place = postgres_place(server.url(**{"journal": token_hex(4), **changes}))
    assert place is not None
    return place


def refusal(action: Callable[[], object]) -> JournalError:
    with pytest.raises(JournalError) as caught:
        action()
    seen: BaseException | None = caught.value
    while seen is not None:
        assert SECRET not in f"{seen}{seen!r}"
        seen = seen.__cause__
    assert str(caught.value).startswith("journal postgresql://127.0.0.1:")
    return caught.value


@pytest.fixture
def spot(postgres: PostgresServer) -> PostgresPlace:
    return place_in(postgres)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list to which each connection is added."""
    made: list[Any] = []
    connect = psycopg.connect

    def connect_and_keep(*url: str, **options: Any) -> Any:
        made.append(connect(*url, **options))
        return made[-1]

    monkeypatch.setattr(psycopg, "connect", connect_and_keep)
    return made


@pytest.fixture
def journal(spot: PostgresPlace, connections: list[Any]) -> Iterator[PostgresJournal]:
    """Return an open journal. Its connection is the first of the list."""
    assert not connections
    with closing(open_postgres_journal(spot, HEADER)) as opened:
        yield opened


@pytest.fixture
def schema(postgres: PostgresServer) -> str:
    """Return the name of a schema without tables."""
    name = f"s{token_hex(4)}"
    postgres.execute(f"CREATE SCHEMA {name}")
    return name


def end_connections(server: PostgresServer) -> None:
    """End all connections, as an administrator does."""
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fibonacci-sdk'", "postgres"
    )


def restart(server: PostgresServer) -> None:
    server.stop()
    server.start()


def test_inputs_cross_the_network_once(journal: PostgresJournal, connections: list[Any], tmp_path: Path) -> None:
    inputs = "a" * 999
    one = Row(0, "k1", {"text": inputs}, json.dumps({"text": inputs}))
    with (tmp_path / "sent").open("wb") as file:
        connections[0].pgconn.trace(file.fileno())
        journal.write([one])
        one.execution_id = "exec_1"
        journal.write([one])
        journal.write([ended(one)])
        connections[0].pgconn.untrace()
    sent = (tmp_path / "sent").read_text()
    assert (sent.count("COMMIT") > 2, sent.count(inputs)) == (True, 1)
    assert [result.inputs for result in journal.results()] == [one.inputs]


class TestRefusals:
    @each_row(
        ("changes", "text"),
        [
            ({"password": "wrong"}, "check the user and password. libpq also reads PGPASSWORD"),
            ({"database": "absent"}, 'database "absent" does not exist): check the database and the user'),
            ({"user": "absent"}, "check the user and password"),
            ({"sslmode": "require"}, "check sslmode in the URL"),
            ({"sslmodel": "require"}, "has a URL that libpq does not understand: check its options"),
            ({"password": "secret%zz"}, "write % in a password as %25"),
            (
                {"options": "-cdefault_transaction_read_only%3Don"},
                "is a replica or read-only. Use the URL of the primary",
            ),
        ],
    )
    def test_a_server_that_cannot_be_used(self, postgres: PostgresServer, changes: dict[str, str], text: str) -> None:
        place = place_in(postgres, **changes)
        assert text in str(refusal(lambda: open_postgres_journal(place, HEADER)))

    def test_a_server_that_is_not_there(
        self, postgres: PostgresServer, spot: PostgresPlace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgres_journal, "_OPENED_WITHIN", 0.2)
        monkeypatch.setattr(postgres_journal, "PATIENCE", 0.2)
        journal = open_postgres_journal(spot, HEADER)
        postgres.stop()
        try:
            for action in (
                lambda: open_postgres_journal(place_in(postgres), HEADER),
                lambda: read_journal(postgres.url(journal="a")),
                lambda: journal.write([row(1)]),
                lambda: journal.write([row(1)]),
            ):
                error = refusal(action)
                assert "check that the server runs at this URL, and the network" in str(error)
                assert error.can_continue
        finally:
            postgres.start()
        journal.write([row(2)])
        journal.close()

    def test_a_user_without_rights(self, postgres: PostgresServer, schema: str) -> None:
        user = f"u{token_hex(4)}"
        postgres.execute(f"CREATE USER {user} PASSWORD 'a/secret'; GRANT USAGE ON SCHEMA {schema} TO {user}")
        options = f"-csearch_path%3D{schema}"
        place = place_in(postgres, user=user, options=options)
        assert "Grant SELECT, INSERT and UPDATE on both, or CREATE on the schema" in str(
            refusal(lambda: open_postgres_journal(place, HEADER))
        )
        open_postgres_journal(place_in(postgres, options=options), HEADER).close()
        assert "Grant SELECT" in str(refusal(lambda: open_postgres_journal(place, HEADER)))
        postgres.execute(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {schema} TO {user}")
        with closing(open_postgres_journal(place, HEADER)) as journal:
            journal.write([row(1)])

    def test_tables_of_another_program(self, postgres: PostgresServer, schema: str) -> None:
        postgres.execute(f"CREATE TABLE {schema}.fibonacci_journals (sheets INTEGER)")
        place = place_in(postgres, options=f"-csearch_path%3D{schema}")
        assert "another program has tables with these names" in str(
            refusal(lambda: open_postgres_journal(place, HEADER))
        )

    def test_a_newer_schema(self, postgres: PostgresServer, spot: PostgresPlace, journal: PostgresJournal) -> None:
        journal.close()
        postgres.execute(f"UPDATE fibonacci_journals SET schema = 99 WHERE name = '{spot.name}'")
        error = refusal(lambda: open_postgres_journal(spot, HEADER))
        assert "newer fibonacci-sdk (schema 99): update fibonacci-sdk" in str(error)

    def test_a_full_disk(self, postgres: PostgresServer, schema: str) -> None:
        place = place_in(postgres, options=f"-csearch_path%3D{schema}")
        with closing(open_postgres_journal(place, HEADER)) as journal:
            postgres.execute(
                f"CREATE FUNCTION {schema}.fail() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;"
                f"CREATE TRIGGER full_disk BEFORE INSERT ON {schema}.fibonacci_rows EXECUTE FUNCTION {schema}.fail()"
            )
            error = refusal(lambda: journal.write([row(1)]))
            assert "the disk of the server is full. Free some space. What it has recorded is kept" in str(error)
            assert error.can_continue
            postgres.execute(f"DROP TRIGGER full_disk ON {schema}.fibonacci_rows")
            journal.write([row(1)])
            assert journal.entry("k1") is not None

    @each_row(
        "url",
        [
            "postgresql://u:secret@h/db",
            "postgresql://u:secret@h/db?journal=",
            "postgresql://u:secret@h/db?journal=a&journal=b",
            "postgresql://u:pa/secret@h/db?journal=a",
            "postgresql://u:pa?secret@h/db?journal=a",
            "postgresql://u:pa#secret@h/db?journal=a",
            "postgresql://u:[secret@h/db?journal=a",
        ],
    )
    def test_a_url_that_is_not_valid(self, client: Fibonacci, url: str) -> None:
        with pytest.raises(ValueError, match=r"^journal: the URL ") as caught:
            client.workflows.run_many("wf-1", [], journal=url)
        assert SECRET not in str(caught.value)

    def test_without_psycopg(self, client: Fibonacci, greeter: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "fibonacci._batch.postgres_journal")
        monkeypatch.setitem(sys.modules, "psycopg", None)
        for action in (
            lambda: client.workflows.run_many(greeter, [], journal="postgresql://h/db?journal=a").results(),
            lambda: read_journal("postgresql://h/db?journal=a"),
        ):
            with pytest.raises(ImportError, match=r"pip install 'fibonacci-sdk\[postgres\]'"):
                action()


def test_many_open_the_first_journals_of_a_database_at_once(postgres: PostgresServer, schema: str) -> None:
    def open_one(_: int) -> None:
        open_postgres_journal(place_in(postgres, options=f"-csearch_path%3D{schema}"), HEADER).close()

    with ThreadPoolExecutor(8) as threads:
        assert len([*threads.map(open_one, range(8))]) == 8


class TestLostConnections:
    @pytest.mark.parametrize("lose", [end_connections, restart])
    def test_the_run_goes_on(
        self,
        postgres: PostgresServer,
        spot: PostgresPlace,
        journal: PostgresJournal,
        lose: Callable[[PostgresServer], object],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        journal.write([row(1)])
        lose(postgres)
        journal.write([row(2)])
        lose(postgres)
        assert [journal.entry(f"k{number}") is not None for number in (1, 2, 3)] == [1, 1, 0]
        with pytest.raises(JournalError, match="is used by another run"):
            open_postgres_journal(spot, HEADER)
        assert SECRET not in caplog.text

    def test_a_commit_whose_reply_is_lost_counts_once(
        self,
        postgres: PostgresServer,
        spot: PostgresPlace,
        journal: PostgresJournal,
        connections: list[Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        @contextmanager
        def lose_the_reply() -> Generator[Any]:
            with pipeline() as made:
                yield made
            end_connections(postgres)
            raise psycopg.OperationalError("server closed the connection unexpectedly")

        connection = connections[0]
        pipeline = connection.pipeline
        monkeypatch.setattr(connection, "pipeline", lose_the_reply)
        one = row(1)
        journal.write([one])
        assert journal.entry("k1") is not None
        one.execution_id = "exec_1"
        journal.write([one])
        name = spot.name
        ((commits,),) = postgres.execute(f"SELECT commits FROM fibonacci_journals WHERE name = '{name}'")
        assert commits == 3

    @pytest.mark.parametrize("lost_by", [psycopg.OperationalError, KeyboardInterrupt])
    def test_a_write_after_one_whose_end_is_unknown_is_written(
        self,
        postgres: PostgresServer,
        journal: PostgresJournal,
        connections: list[Any],
        monkeypatch: pytest.MonkeyPatch,
        lost_by: type[BaseException],
    ) -> None:
        @contextmanager
        def lose_the_reply() -> Generator[Any]:
            with pipeline() as made:
                yield made
            monkeypatch.setattr(psycopg, "connect", Mock(side_effect=psycopg.OperationalError("password")))
            raise lost_by("lost")

        one, two = row(1), row(2)
        journal.write([one, two])
        connect, pipeline = psycopg.connect, connections[0].pipeline
        monkeypatch.setattr(connections[0], "pipeline", lose_the_reply)
        with pytest.raises((JournalError, KeyboardInterrupt)):
            journal.write([started_as(one, "exec_1")])
        monkeypatch.setattr(psycopg, "connect", connect)
        journal.write([started_as(two, "exec_2")])
        found = [journal.entry(key) for key in ("k1", "k2")]
        assert [entry and entry.execution_id for entry in found] == ["exec_1", "exec_2"]

    @pytest.mark.parametrize("notices_first", [False, True])
    def test_a_run_that_another_has_followed_writes_nothing(
        self, postgres: PostgresServer, spot: PostgresPlace, journal: PostgresJournal, notices_first: bool
    ) -> None:
        end_connections(postgres)
        with closing(open_postgres_journal(spot, HEADER)) as other:
            for _ in range(1 + notices_first):
                error = refusal(lambda: journal.write([row(1)]))
                assert "was taken over by another run (process " in str(error)
                assert error.can_continue
            other.write([row(2)])
            assert other.entry("k1") is None

    def test_a_run_whose_lock_alone_is_lost_writes_nothing(
        self, spot: PostgresPlace, journal: PostgresJournal, connections: list[Any]
    ) -> None:
        """A pooler may carry a session on with another connection."""
        connections[0].execute("SELECT pg_advisory_unlock_all()")
        with closing(open_postgres_journal(spot, HEADER)):
            assert "was taken over by another run (process " in str(refusal(lambda: journal.write([row(1)])))

    def test_older_data_is_refused_from_then_on(
        self, postgres: PostgresServer, spot: PostgresPlace, journal: PostgresJournal
    ) -> None:
        journal.write([row(1)])
        journal.write([row(2)])
        of_it = f"WHERE name = '{spot.name}'"
        postgres.execute(
            f"UPDATE fibonacci_journals SET commits = commits - 2 {of_it};"
            f"DELETE FROM fibonacci_rows WHERE journal = (SELECT id FROM fibonacci_journals {of_it})"
        )
        end_connections(postgres)
        error = refusal(lambda: journal.write([row(3)]))
        assert "has older data, without the last 2 commits of this run: restore the server's latest" in str(error)
        assert not error.can_continue
        journal.close()
        error = refusal(lambda: open_postgres_journal(spot, HEADER))
        assert "has older data than a run had written: restore the server's latest data" in str(error)
        assert not error.can_continue

    def test_a_journal_that_was_removed(
        self, postgres: PostgresServer, spot: PostgresPlace, journal: PostgresJournal
    ) -> None:
        postgres.execute(f"DELETE FROM fibonacci_journals WHERE name = '{spot.name}'")
        error = refusal(lambda: journal.write([row(1)]))
        assert "was removed while rows ran" in str(error)
        assert not error.can_continue


def test_no_text_has_the_password(
    client: Fibonacci, greeter: str, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place = place_in(postgres)
    url = postgres.url(journal=place.name)
    workflow = client.workflows.get(greeter)
    header = HEADER._replace(workflow_id=greeter, workflow_version=str(workflow.version), key_rule="index")
    lost = row(0)
    lost.key = "0"
    with closing(open_postgres_journal(place, header)) as journal:
        journal.write([lost])
    with pytest.raises(UnknownOutcomeError) as caught:
        client.workflows.run_many(greeter, [{"n": 0}], journal=url).results()
    assert f"read_journal('{place.shown}').settle(" in str(caught.value)
    view = read_journal(url)
    for text in (str(caught.value), *caught.value.__notes__, caplog.text, repr(view), view.path, repr(caught.value)):
        assert SECRET not in text
    view.settle(0, not_started=True)
    assert [each.status for each in view.rows()] == ["pending"]
