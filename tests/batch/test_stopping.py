"""`fibonacci journal stop`: the run that has a journal drains, a later one does not, and each outcome has its text."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fibonacci import Fibonacci, JournalError, RunResult, RunsStoppedError
from fibonacci._batch.journal_reader import SQLiteReader
from fibonacci._batch.locks import FileLock
from fibonacci._batch.sql_journal import SQLJournal
from fibonacci._batch.sqlite_journal import open_journal
from fibonacci._system.files import lock_file
from tests.batch.command import REST, Command, executions, last_line, lines_of
from tests.batch.journals import HEADER, JournalPlace
from tests.cli.invocation import Invocation, invoke
from tests.emulator.handling import wait_until
from tests.kit.mode import Mode


def stop(place: JournalPlace, *options: str) -> Invocation:
    ran = invoke("journal", "stop", place.location, *options)
    assert ran.out == ""
    return ran


def asked(journal: SQLJournal) -> bool:
    return journal.is_asked_to_stop


def test_a_request_that_cannot_be_written(tmp_path: Path) -> None:
    path = str(tmp_path / ("j" * 240))  # its own name fits into a folder, and that of the request does not
    with closing(open_journal(path, HEADER)), pytest.raises(JournalError, match="File name too long"):
        SQLiteReader(path).stop()


def test_the_run_drains_and_the_same_call_continues(
    place: JournalPlace,
    mode: Mode,
    any_client: Any,
    client: Fibonacci,
    rester: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = [{"id": number, "seconds": 0.2 if number < 40 else 0} for number in range(42)]
    runs = any_client.workflows.run_many(rester, rows, key="id", journal=place.location, concurrency=2)
    found: list[RunResult] = []

    def take(run: RunResult) -> None:
        if not found:
            ran = stop(place, "--detach")
            assert ran.code == 0
            assert ran.err.startswith("asked the run (process ")
            assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.glob("*-stop-*"))
        found.append(run)

    with pytest.raises(
        RunsStoppedError, match=r"another process stopped the run of journal .*: no more rows were started"
    ) as caught:
        mode.each(runs, take)
    (note,) = caught.value.__notes__
    assert note == (
        f"{len(found)} succeeded, 0 failed, 0 unknown, {42 - len(found)} left (0 from the journal). To continue, make"
        f" the same call again with journal='{place.shown}', resume=True."
    )
    assert executions(client, rester) == {run.key: 1 for run in found}, "all that was under way was waited for"
    assert len(found) < 40
    assert [each.levelname for each in caplog.records if "was stopped by another process" in each.getMessage()] == [
        "WARNING"
    ]
    ran = stop(place)
    assert (ran.code, ran.err) == (0, f"no run is using the journal {place.shown}: there is nothing to stop\n")
    assert not list(tmp_path.glob("*-stop-*"))
    rows = [row | {"seconds": 0} for row in rows[40:]]
    assert len(client.workflows.run_many(rester, rows, key="id", journal=place.location, resume=True).results()) == 2


def test_a_request_is_for_one_run(place: JournalPlace, tmp_path: Path) -> None:
    with closing(place.open(HEADER)) as journal:
        assert not asked(journal)
        assert stop(place, "--detach").code == 0
        wait_until(lambda: asked(journal))
        ran = stop(place, "--timeout", "0.1")
        assert ran.code == 75
        assert (
            last_line(ran.err) == "the run has not ended within --timeout. It stops when its rows under way have ended"
        )
        requests = list(tmp_path.glob("*-stop-*"))
    assert not any(request.exists() for request in requests)
    for request in requests:
        request.touch()  # as a run leaves it that is killed
        request.with_name("runs.db-stop-another").touch()
    with closing(place.open(HEADER)) as journal:
        assert not asked(journal)
        assert stop(place, "--detach").code == 0
        wait_until(lambda: asked(journal))
    assert not any(request.exists() for request in requests)


def test_a_run_that_had_nothing_left_to_start_ends_as_always(
    place: JournalPlace, client: Fibonacci, rester: str
) -> None:
    found = 0
    for _ in client.workflows.run_many(rester, [{"seconds": 0}, {"seconds": 0.6}], journal=place.location):
        found += 1
        stop(place, "--detach")
    assert found == 2


class TestOutcomes:
    @pytest.mark.slow
    def test_the_command_waits_for_the_end_of_another_process(self, command: Command, client: Fibonacci) -> None:
        rester = client.workflows.create(name="Rester", definition=REST).id
        rows = "".join(json.dumps({"id": number, "seconds": 0.3 if number else 0}) + "\n" for number in range(12))
        command.write("rows.jsonl", rows)
        kept = ("--journal", "runs.db", "--out", "o.jsonl")
        arguments = (rester, "rows.jsonl", "--key", "id", *kept, "--concurrency", "3")
        with command.start(*arguments) as process:
            wait_until((command.folder / "o.jsonl.partial").exists)
            ran = invoke("journal", "stop", str(command.folder / "runs.db"))
            output, errors = process.communicate(timeout=30)
        assert ran.code == 0
        assert ran.err.splitlines() == [
            f"asked the run (process {process.pid}) to start no more rows",
            "waiting for the rows under way",
            "the run has ended",
        ]
        assert (process.returncode, output) == (75, "")
        assert "was stopped by another process: no more rows start, and " in errors
        assert last_line(errors).endswith("left (0 from the journal). The same command with --resume continues.")
        found = lines_of(command.read("o.jsonl.partial"))
        assert executions(client, rester) == {each["key"]: 1 for each in found}
        assert command(*arguments, "--resume").returncode == 0
        assert executions(client, rester) == dict.fromkeys(range(12), 1)

    def test_where_no_run_is(self, place: JournalPlace, tmp_path: Path) -> None:
        ran = stop(place)
        assert ran.code == 64
        assert f"journal {place.shown} does not exist: check " in ran.err
        place.open(HEADER).close()
        assert f"no run is using the journal {place.shown}" in stop(place).err

    def test_where_no_run_will_ever_be(self, tmp_path: Path) -> None:
        path = str(tmp_path / "runs.db")
        open_journal(path, HEADER).close()
        shutil.copy(path, tmp_path / "copy.db")
        assert "no run is using the journal" in invoke("journal", "stop", str(tmp_path / "copy.db")).err
        (tmp_path / "results.jsonl").write_text('{"index": 0}\n')
        ran = invoke("journal", "stop", str(tmp_path / "results.jsonl"))
        assert (ran.code, "it is not a journal. Pass another path" in ran.err) == (64, True)
        assert invoke("journal", "stop", str(tmp_path)).code == 64
        assert invoke("journal", "stop", "http://h").code == 64


def test_who_looks_whether_a_journal_is_in_use_keeps_no_run_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    looking = path.open("wb")
    lock_file(looking.fileno())

    def stop_looking(seconds: float) -> None:
        looking.close()

    monkeypatch.setattr("time.sleep", stop_looking)
    FileLock(str(path)).release()
