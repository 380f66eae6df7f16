"""`fibonacci journal rows` and `export`: what a journal has, on stdout alone."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing

import pytest

from fibonacci.cli.main import main
from tests.batch.command import lines_of
from tests.batch.journals import HEADER, JournalPlace, ended, row, started_as
from tests.cli.invocation import invoke
from tests.kit.assertions import each_row

COLUMNS = ["index", "key", "status", "inputs", "outputs", "error", "execution_id", "duration_ms"]


@pytest.fixture
def journal(place: JournalPlace) -> str:
    """Return where a journal is whose run has ended: one row has completed, one is unknown."""
    with closing(place.open(HEADER)) as journal:
        rows = [row(1), row(2)]
        journal.write(rows)
        journal.write([ended(started_as(rows[0], "exec_1"))])
    return place.location


def test_without_a_key_of_the_api(
    journal: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIBONACCI_API_KEY", raising=False)
    assert main(["journal", "rows", journal]) == 0
    first, second = lines_of(capsys.readouterr().out)
    assert list(first) == [*COLUMNS, "candidates"]
    assert (first["key"], first["status"], first["inputs"], first["execution_id"]) == (
        "k1",
        "completed",
        {"n": 1},
        "exec_1",
    )
    assert (second["key"], second["status"], second["execution_id"]) == ("k2", "unknown", None)
    assert main(["journal", "rows", journal, "--status", "unknown", "--fields", "key", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"key": "k2"}]


def test_the_results_of_a_journal_are_exported_as_lines_or_as_a_table(
    journal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["journal", "export", journal]) == 0
    exported = capsys.readouterr()
    assert ([each["key"] for each in lines_of(exported.out)], exported.err) == (["k1", "k2"], "")
    assert main(["journal", "export", journal, "--format", "csv"]) == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(table[0]) == COLUMNS
    assert [(each["key"], each["status"], json.loads(each["inputs"])) for each in table] == [
        ("k1", "completed", {"n": 1}),
        ("k2", "unknown", {"n": 2}),
    ]
    assert main(["journal", "export", journal, "--status", "failed", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["journal", "export", journal, "--limit", "1", "--fields", "key,status"]) == 0
    assert lines_of(capsys.readouterr().out) == [{"key": "k1", "status": "completed"}]


@each_row(
    ("arguments", "text"),
    [
        (["rows", "absent.db"], "journal absent.db does not exist or is empty: check its path"),
        (
            ["export", "redis://:swordfish@h/0"],
            "journal must be the path of a file, such as runs.db, or a URL of",
        ),
        (["export", "absent.db", "--status", "faild"], "Did you mean 'failed'"),
        (["export", "absent.db", "--fields", "kye"], "--fields has the unknown name 'kye'. Did you mean 'key'"),
        (["rows", "absent.db", "--fields", "kye"], "--fields has the unknown name 'kye'. Did you mean 'key'"),
        (["export", "absent.db", "--format", "csv", "--json"], "--format csv always has the same columns"),
    ],
)
def test_what_is_refused(arguments: list[str], text: str) -> None:
    refused = invoke("journal", *arguments)
    assert (refused.code, refused.result) == (64, "")
    assert text in refused.err
    assert "swordfish" not in refused.err
