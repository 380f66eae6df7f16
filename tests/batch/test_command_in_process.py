"""`fibonacci run-many` in this process: what it leaves behind, closed streams and files that fail."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from fibonacci import Fibonacci
from fibonacci._batch.locks import FileLock
from fibonacci.cli.main import main
from fibonacci.cli.row_files import ResultFile
from fibonacci.emulator import Emulator
from tests.batch.command import CSV, EXECUTE, KEPT, last_line, lines_of
from tests.batch.workflows import GREETER
from tests.cli.invocation import TextStream, invoke_unwritable
from tests.kit.assertions import each_row
from tests.kit.pseudo_terminal import PseudoTerminal
from tests.kit.systems import linux_only, needs_pseudo_terminals, needs_signals

Call = Callable[..., int]


class TestInProcess:
    """As `fibonacci run-many` calls it."""

    @pytest.fixture
    def call(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
        monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
        monkeypatch.setenv("FIBONACCI_BASE_URL", emulator.base_url)
        monkeypatch.setattr("fibonacci._batch.concurrency._FIRST_BACKOFF", 0.05)  # after a failure, real time passes
        monkeypatch.chdir(tmp_path)
        (tmp_path / "rows.csv").write_text(CSV)
        return lambda *arguments: main(["run-many", "Greeter", "rows.csv", *KEPT, *arguments])

    def test_signal_handlers_are_restored(self, call: Call, greeter: str) -> None:
        before = signal.getsignal(signal.SIGTERM)
        assert call("--out", "o.csv") == 0
        assert signal.getsignal(signal.SIGTERM) == before

    def test_without_stdout_a_file_is_asked_for(
        self,
        call: Call,
        greeter: str,
        emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(sys, "stdout", None)
        assert main(["run-many", "Greeter", "rows.csv", "--journal", "runs.db"]) == 64
        assert last_line(capsys.readouterr().err) == "fibonacci: stdout is closed: pass --out"

    def test_without_stderr_results_stay_alone(
        self, call: Call, greeter: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stderr", None)
        assert main(["run-many", "Greeter", "rows.csv", "--journal", "runs.db"]) == 0
        assert all(each["status"] for each in lines_of(capsys.readouterr().out))

    @needs_pseudo_terminals
    def test_a_bar_on_a_terminal_without_the_results(
        self, call: Call, greeter: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        terminal = PseudoTerminal(columns=100)
        with os.fdopen(os.dup(terminal.descriptor), "w") as stream:
            monkeypatch.setattr(sys, "stderr", stream)
            assert call() == 0
        shown = terminal.read()
        assert "2 succeeded, 0 failed" in shown
        assert "2/2 rows" in shown

    def test_results_on_a_terminal_have_no_bar_among_them(
        self, call: Call, greeter: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        terminal = TextStream(is_terminal=True)
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setattr(sys, "stderr", terminal)
        assert main(["run-many", "Greeter", "rows.csv", "--journal", "runs.db"]) == 0
        shown = terminal.getvalue()
        assert "2 succeeded, 0 failed" in shown
        assert '"status": "completed"' in shown
        assert "2/2 rows" not in shown

    def test_a_closed_stdout_is_a_line(self, call: Call, greeter: str) -> None:
        ran = invoke_unwritable("run-many", "Greeter", "rows.csv", "--journal", "runs.db", is_full=False)
        assert ran.code == 74
        assert last_line(ran.err) == (
            "fibonacci: rows were started, but the result cannot be written: Broken pipe. The same command with"
            " --resume continues"
        )

    def test_resume_refuses_a_journal_that_is_not_there(
        self, call: Call, greeter: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert call("--resume") == 64
        line = last_line(capsys.readouterr().err)
        assert "runs.db has no rows or does not exist, and --resume needs some: check FILE" in line
        assert "To start, leave --resume out, which runs every row" in line
        assert emulator.requests.to(EXECUTE).count == 0
        assert not Path("runs.db").exists()
        assert call() == call("--resume") == 0
        assert emulator.requests.to(EXECUTE).count == 2

    def test_a_column_of_json(self, call: Call, greeter: str) -> None:
        Path("rows.csv").write_text('id,name\n1,"[1, null]"\n')
        assert call("--json-column", "name") == 0
        assert [each["inputs"] for each in lines_of(Path("o.jsonl").read_text())] == [{"id": "1", "name": [1, None]}]

    def test_rows_of_unknown_outcome_are_results_too(
        self, call: Call, greeter: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        emulator.fail(EXECUTE, kind="no_reply", times=1)
        emulator.fail(EXECUTE, kind="status", status=502, times=1)
        Path("rows.csv").write_text("name\nAda\nBob\nEve\n")
        assert call("--concurrency", "1") == 75
        assert sorted(each["status"] for each in lines_of(Path("o.jsonl.partial").read_text())) == [
            *("completed", "unknown", "unknown")
        ]
        text, candidates, summary, partial = capsys.readouterr().err.splitlines()[-4:]
        assert text == (
            "the outcome of these rows is unknown: 0, 1. Check them, and settle each with `fibonacci journal"
            " settle runs.db KEY --execution ID` or --not-started, or repeat the command with --if-unknown rerun to"
            " start them, possibly a second time"
        )
        (execution_id,) = re.findall("^row 0 may be (exec_[0-9a-f]+) \\(completed, created at 2", candidates)
        assert summary == "1 succeeded, 0 failed, 2 unknown, 0 left (0 from the journal)."
        assert partial.endswith("o.jsonl.partial")
        assert not Path("o.jsonl").exists()
        assert main(["journal", "rows", "runs.db", "--status", "unknown"]) == 0
        assert lines_of(capsys.readouterr().out)[0]["candidates"][0]["id"] == execution_id
        settle = ("journal", "settle", "runs.db")
        assert main([*settle, "0", "--execution", execution_id]) == 0
        assert "settled row 0. To continue, repeat the run-many command with --resume" in capsys.readouterr().err
        assert main([*settle, "0", "--failed"]) == 64
        assert "has the row 0 as running: only rows of unknown outcome can be settled" in capsys.readouterr().err
        assert main([*settle, "1", "--not-started"]) == 0
        assert call() == 0
        assert [each["status"] for each in lines_of(Path("o.jsonl").read_text())] == ["completed"] * 3
        assert not Path("o.jsonl.partial").exists()
        assert emulator.requests.to(EXECUTE).count == 4

    def test_rows_that_are_left_keep_the_results_from_their_place(
        self, call: Call, greeter: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert call("--max-rows", "1") == 75
        assert last_line(capsys.readouterr().err).endswith(
            f"the results so far are in {Path('o.jsonl.partial').resolve()}"
        )
        assert not Path("o.jsonl").exists()
        assert call() == 0
        assert len(lines_of(Path("o.jsonl").read_text())) == 2

    def test_a_new_version_of_the_workflow(
        self, call: Call, greeter: str, client: Fibonacci, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert call() == 0
        client.workflows.update(greeter, description="changed")
        assert call() == 64
        assert "pass --if-new-version continue to run the remaining rows" in capsys.readouterr().err
        assert call("--if-new-version", "continue") == 0

    def test_a_misspelled_column_starts_no_row(
        self, call: Call, greeter: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("rows.csv").write_text("id,nam\n7,Ada\n8,Bob\n")
        assert call("--key", "id") == 64
        text = last_line(capsys.readouterr().err)
        assert "inputs.name: it is missing, but used by node 'greet'" in text
        assert "inputs.nam: there is no such input. Did you mean 'name'?" in text
        assert "or the command fails again. The journal has no rows, so the same command starts from" in text
        assert emulator.requests.to(EXECUTE).count == 0
        Path("rows.csv").write_text("id,name\n7,Ada\n8,Bob\n")
        assert call("--key", "id") == 0

    def test_a_text_in_place_of_a_number_has_its_remedy(
        self, call: Call, greeter: str, client: Fibonacci, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        schema = {"type": "object", "properties": {"name": {"type": "integer"}}}
        client.workflows.update(greeter, definition={**GREETER, "input_schema": schema})
        Path("rows.csv").write_text("name\n7\n")
        assert call() == 64
        text = last_line(capsys.readouterr().err)
        assert "inputs.name: '7' is not of the type integer" in text
        assert "--json-column COLUMN reads a column as JSON" in text
        assert emulator.requests.to(EXECUTE).count == 0
        assert call("--json-column", "name") == 0

    def test_more_failures_than_allowed(
        self, call: Call, greeter: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        @emulator.llm
        def broken(_: object) -> str:
            raise ValueError("broken")

        Path("rows.csv").write_text("name\n" + "Ada\n" * 9)
        assert call("--max-failures", "0", "--concurrency", "1") == 1
        errors = capsys.readouterr().err
        assert "1 row did not succeed (1 failed), and --max-failures is 0" in errors
        assert "the results so far are in " in errors
        assert len(lines_of(Path("o.jsonl.partial").read_text())) < 9

    def test_bounds_and_retries(
        self, call: Call, greeter: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("rows.csv").write_text("name\n" + "Ada\n" * 9)
        emulator.fail(EXECUTE, status=400, times=1)
        assert call("--max-rows", "2") == 75
        assert "1 succeeded, 1 failed, 0 unknown, 7 left" in capsys.readouterr().err
        assert call("--max-rows", "1", "--retry-failed") == 75
        assert "2 succeeded, 0 failed, 0 unknown, 7 left (1 from the journal)" in capsys.readouterr().err
        emulator.fail(EXECUTE, status=502, times=2)
        assert call("--max-failures", "1", "--concurrency", "1") == 1
        errors = capsys.readouterr().err
        assert "2 rows did not succeed (2 unknown), and --max-failures is 1. The last error: POST" in errors
        assert "The same command with --resume continues. With --retry-failed, it also starts" in errors

    def test_an_estimate_says_what_is_wrong(
        self, call: Call, greeter: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("rows.csv").write_text("id,nam\n7,Ada\n")
        assert call("--estimate") == 64
        assert "Did you mean 'name'?" in capsys.readouterr().err
        Path("rows.csv").write_text("id,name\n7,Ada\n")
        assert emulator.requests.to(EXECUTE).count == 0

    def test_a_timeout_of_the_client_is_no_error_of_the_disk(
        self,
        call: Call,
        greeter: str,
        emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("FIBONACCI_TIMEOUT", "0.3")
        monkeypatch.setenv("FIBONACCI_MAX_RETRIES", "0")
        emulator.fail("GET /workflows/{workflow_id}", "stall", times=None)
        assert call() == 69
        (line,) = capsys.readouterr().err.splitlines()
        assert line.endswith(" s]")  # it has begun nothing, so there is nothing to continue

    @linux_only
    def test_a_disk_that_cannot_be_written(self, call: Call, greeter: str, capsys: pytest.CaptureFixture[str]) -> None:
        Path("o.jsonl").symlink_to("/dev/full")
        assert call("--out", "o.jsonl") == 74
        assert last_line(capsys.readouterr().err).endswith(
            "No space left on device. The same command with --resume continues"
        )
        assert call("--out", "p.jsonl") == 0
        assert len(lines_of(Path("p.jsonl").read_text())) == 2

    @linux_only
    def test_results_may_go_to_a_device(self, call: Call, greeter: str) -> None:
        assert call("--out", "/dev/null") == 0
        assert Path("/dev/null").is_char_device()
        assert not Path("/dev/null.partial").exists()

    @needs_signals
    @each_row(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_one_signal_ends_the_wait_for_the_program_that_reads_a_pipe(
        self,
        number: int,
        code: int,
        call: Call,
        greeter: str,
        emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def wait(path: str) -> int:
            signal.raise_signal(number)
            raise AssertionError("it waits on")

        os.mkfifo(pipe := f"results-{code}")
        monkeypatch.setattr("fibonacci.cli.row_files.open_stream", wait)
        assert call("--out", pipe) == code
        assert capsys.readouterr().err == "fibonacci: interrupted.\n"  # there is no journal to continue
        assert emulator.requests.to(EXECUTE).count == 0
        assert not Path("runs.db").exists()

    @needs_signals
    def test_a_device_that_cannot_be_opened_starts_no_row(
        self,
        call: Call,
        greeter: str,
        emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def fail(path: str) -> int:
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), path)

        os.mkfifo("results")
        monkeypatch.setattr("fibonacci.cli.row_files.open_stream", fail)
        assert call("--out", "results") == 64
        assert capsys.readouterr().err == f"fibonacci: --out results: {os.strerror(errno.ENXIO)}\n"
        assert emulator.requests.to(EXECUTE).count == 0

    def test_keys_of_another_type_have_the_remedy_of_the_command(
        self, call: Call, greeter: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("rows.jsonl").write_text('{"id": 7, "name": "Ada"}\n')
        assert main(["run-many", "Greeter", "rows.jsonl", "--key", "id", "--journal", "runs.db"]) == 0
        assert call("--key", "id") == 64
        text = capsys.readouterr().err
        assert "of the same type as before: those of CSV are texts, unless --json-column names their column. " in text
        assert "lambda" not in text
        assert call("--key", "id", "--json-column", "id") == 0

    def test_a_journal_in_use_is_stopped_by_the_command(
        self, call: Call, greeter: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert call() == 0
        lock = FileLock("runs.db-lock")
        capsys.readouterr()
        assert call() == 64
        lock.release()
        assert "wait until that run ends, or stop it with `fibonacci journal stop runs.db`" in capsys.readouterr().err

    def test_an_interrupt_before_the_first_row_promises_nothing(
        self, call: Call, greeter: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("fibonacci.cli.run_many.open_rows", Mock(side_effect=KeyboardInterrupt))
        assert call() == 130
        assert capsys.readouterr().err == "fibonacci: interrupted.\n"

    def test_no_cell_of_csv_is_a_formula_unless_that_is_asked(
        self, call: Call, greeter: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("rows.csv").write_text("id,name\n=cmd,-1.5\n'@x,+3\n-7,'=B1\n")
        for journal, raw, written, names in (
            ("a.db", [], ["'=cmd", "'@x", "-7"], ["-1.5", "+3", "=B1"]),
            ("b.db", ["--raw-csv"], ["=cmd", "'@x", "-7"], ["-1.5", "+3", "'=B1"]),
        ):
            assert call("--key", "id", "--out", "o.csv", "--journal", journal, "--ordered", *raw) == 0
            capsys.readouterr()
            assert main(["journal", "export", journal, "--format", "csv", *raw]) == 0
            for text in (Path("o.csv").read_text(), capsys.readouterr().out):
                cells = list(csv.DictReader(text.splitlines()))
                assert sorted(each["key"] for each in cells) == sorted(written)
                assert sorted(json.loads(each["inputs"])["name"] for each in cells) == sorted(names)

    def test_a_journal_of_something_else(self, call: Call, greeter: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert call("--out", "o.csv") == 0
        content = Path("o.csv").read_text()
        assert call("--out", "o.csv", "--key", "id") == 64
        assert "journal runs.db takes its keys from index, not from column id" in capsys.readouterr().err
        assert Path("o.csv").read_text() == content
        assert not Path("o.csv.partial").exists()


def test_a_file_is_empty_when_there_was_no_result(tmp_path: Path) -> None:
    file = ResultFile(str(tmp_path / "o.jsonl"), "jsonl")
    file.finish()
    assert (tmp_path / "o.jsonl").read_bytes() == b""
    assert len(list(tmp_path.iterdir())) == 1
