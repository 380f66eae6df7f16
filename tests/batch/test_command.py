"""`fibonacci run-many`: data on stdout, the rest on stderr, exit codes, resumption."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from tests.batch.command import (
    CSV,
    EXECUTE,
    GREET,
    KEPT,
    REST,
    Command,
    executions,
    last_line,
    lines_of,
    wait_while_running,
)
from tests.batch.journals import settle_by_candidates
from tests.kit.assertions import each_row
from tests.kit.pseudo_terminal import PseudoTerminal
from tests.kit.systems import needs_fork, needs_pseudo_terminals, needs_signals


class TestData:
    def test_results_are_json_lines_on_stdout_and_the_rest_is_on_stderr(self, command: Command, greeter: str) -> None:
        ran = command("Greeter", command.write("rows.csv", CSV), "--key", "id", "--journal", "runs.db", "--ordered")
        assert ran.returncode == 0, ran.stderr
        found = lines_of(ran.stdout)
        assert [(each["key"], each["status"], each["inputs"]) for each in found] == [
            ("7", "completed", {"id": "7", "name": "Ada"}),
            ("8", "completed", {"id": "8", "name": "Bob"}),
        ]
        assert [each["outputs"]["greet"] for each in found] == [
            "[default model] Greet Ada",
            "[default model] Greet Bob",
        ]
        assert last_line(ran.stderr) == "2 succeeded, 0 failed, 0 unknown, 0 left (0 from the journal)"

    def test_json_is_one_array_of_the_named_fields(self, command: Command, greeter: str) -> None:
        line = ["Greeter", command.write("rows.csv", CSV), "--journal", "runs.db", "--ordered", "--json"]
        ran = command(*line, "--fields", "index,outputs.greet")
        assert json.loads(ran.stdout) == [
            {"index": 0, "outputs.greet": "[default model] Greet Ada"},
            {"index": 1, "outputs.greet": "[default model] Greet Bob"},
        ]

    def test_stdin_into_a_file_of_csv(self, command: Command, greeter: str) -> None:
        rows = '{"name": "Zoë, 1"}\n{"nobody": "there"}\n{"name": "half a pair: \\ud800"}\n'
        ran = command(greeter, "-", "--journal", "runs.db", "--out", "results.csv", "--ordered", stdin=rows)
        assert (ran.returncode, ran.stdout) == (1, "")
        first, second, third = csv.DictReader(io.StringIO(command.read("results.csv"), newline=""))
        assert json.loads(first["inputs"]) == {"name": "Zoë, 1"}
        assert json.loads(first["outputs"]) == {"greet": "[default model] Greet Zoë, 1"}
        assert (second["status"], second["outputs"]) == ("failed", "{}")
        assert "{{input.name}} has no value" in second["error"]
        assert (third["status"], json.loads(third["inputs"])) == ("failed", {"name": "half a pair: \ud800"})

    def test_an_estimate_runs_nothing(self, command: Command, greeter: str, emulator: Emulator) -> None:
        ran = command(greeter, command.write("rows.csv", CSV), "--estimate")
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.startswith("2 rows on enterprise: ")
        assert emulator.requests.to(EXECUTE).count == 0
        assert [path.name for path in command.folder.iterdir()] == ["rows.csv"]


STDIN = ["Greeter", "-", "--journal", "j"]
FAULTS: list[tuple[list[str], str, str]] = [
    (["Greeter"], "", "ROWS is missing: see --help"),
    (["-"], "", "ROWS is missing: see --help"),
    ([*STDIN, "--fields", "keys"], "{}", "--fields has the unknown name 'keys'. Did you mean 'key'?"),
    (
        [*STDIN, "--fields", "key", "--out", "a.csv"],
        "{}",
        "--fields is for stdout: the file of --out has every field",
    ),
    (["Greeter", "-", "--concurrency", "0"], "", "argument --concurrency: '0' is not a whole number of at least 1"),
    (
        ["Greeter", "-", "--timeout", "nan"],
        "",
        "argument --timeout: 'nan' is neither a time above 0, such as 90 (seconds), 90s, 1h30m or 2d, nor none",
    ),
    (["Greeter", "-", "--max-failures", "-1"], "", "argument --max-failures: '-1' is not a whole number of at least 0"),
    (["Greeter", "-", "--max-failures", "x"], "", "argument --max-failures: 'x' is not a whole number of at least 0"),
    (
        ["Greeter", "-", "--journal", "http://h"],
        "{}",
        "journal must be the path of a file, such as runs.db, or a URL of PostgreSQL, such as"
        " postgresql://host/database?journal=NAME",
    ),
    (["Greeter", "-"], "{}", "--journal FILE is missing: without it, you can't continue an interrupted run"),
    (["Greeter", "rows", "--journal", "j"], "", "rows: its name ends neither in .csv nor in .jsonl: pass --format"),
    (["Greeter", "rows.csv", "--journal", "j"], "", "rows.csv: No such file or directory"),
    (
        [*STDIN, "--json-column", "a"],
        "{}",
        "--json-column is for CSV: the values of JSON Lines already have types",
    ),
    ([*STDIN, "--out", "o.txt"], "{}", "--out o.txt: its name must end in .jsonl or .csv"),
    (
        [*STDIN, "--out", "no/o.csv"],
        "{}",
        "--out no/o.csv: name a file in a folder that you can write to",
    ),
    (
        ["Greeter", "-", "--journal", "o.csv", "--out", "o.csv"],
        "{}",
        "--out o.csv: this is also the file of the journal",
    ),
    (
        ["Greeter", "o.jsonl", "--journal", "j", "--out", "o.jsonl"],
        "{}",
        "--out o.jsonl: this is also the file of the rows",
    ),
    (STDIN, '{"id": 1}\n{"id": 2', "<stdin>:2: it is not JSON: Expecting ',' delimiter at column 9"),
]


class TestExitCodes:
    @each_row(("arguments", "stdin", "text"), FAULTS)
    def test_a_fault_is_a_line_and_nothing_is_sent(
        self, arguments: list[str], stdin: str, text: str, command: Command, emulator: Emulator
    ) -> None:
        ran = command(*arguments, stdin=stdin)
        assert (ran.returncode, ran.stdout) == (64, "")
        assert last_line(ran.stderr).partition(": ")[2] == text
        assert "Traceback" not in ran.stderr
        assert emulator.requests.count == 0
        assert list(command.folder.iterdir()) == []

    def test_a_name_of_several_workflows_is_refused_with_their_ids(
        self, command: Command, client: Fibonacci, greeter: str, emulator: Emulator
    ) -> None:
        other = client.workflows.create(name="Greeter", definition=GREET).id
        command.write("rows.csv", CSV)
        ran = command("Greeter", "rows.csv", "--journal", "j")
        assert ran.returncode == 64
        assert ran.stderr.startswith("fibonacci: 2 workflows have the name 'Greeter': pass one of their ids, ")
        assert greeter in ran.stderr
        assert other in ran.stderr
        ran = command("nobody/../x", "rows.csv", "--journal", "j")
        assert (ran.returncode, ran.stderr) == (64, "fibonacci: no workflow has the id or the name 'nobody/../x'\n")
        assert emulator.requests.to(EXECUTE).count == 0

    @pytest.mark.parametrize(
        ("key", "text"), [(None, "no API key"), ("wrong-key", "401"), ("a key", "FIBONACCI_API_KEY")]
    )
    def test_credentials(self, key: str | None, text: str, command: Command, greeter: str) -> None:
        del command.environment["FIBONACCI_API_KEY"]
        if key is not None:
            command.environment["FIBONACCI_API_KEY"] = key
        ran = command(greeter, "-", "--journal", "j", stdin="{}")
        assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (4, "", 1)
        assert text in ran.stderr
        assert key is None or key not in ran.stderr


class TestResumption:
    def test_the_same_command_again_completes_the_file(self, command: Command, greeter: str, client: Fibonacci) -> None:
        rows = "id,name\n" + "".join(f"{number},Ada\n" for number in range(6))
        arguments = (
            greeter,
            command.write("rows.csv", rows),
            "--key",
            "id",
            *KEPT,
        )
        assert command(*arguments).returncode == 0
        whole = sorted(command.read("o.jsonl").splitlines())
        (command.folder / "o.jsonl").rename(command.folder / "o.jsonl.partial")  # as a crash leaves it
        with (command.folder / "o.jsonl.partial").open("a") as file:
            file.write('{"index": 5, "ke')
        ran = command(*arguments)
        assert (ran.returncode, last_line(ran.stderr)) == (
            0,
            "6 succeeded, 0 failed, 0 unknown, 0 left (6 from the journal)",
        )
        assert sorted(command.read("o.jsonl").splitlines()) == whole
        assert not (command.folder / "o.jsonl.partial").exists()
        assert executions(client, greeter) == {str(number): 1 for number in range(6)}

    @needs_fork
    @pytest.mark.slow
    def test_after_sigkill(self, command: Command, client: Fibonacci) -> None:
        rester = client.workflows.create(name="Rester", definition=REST).id
        rows = "".join(json.dumps({"id": number, "seconds": 0.05}) + "\n" for number in range(30))
        command.write("rows.jsonl", rows)
        arguments = (rester, "rows.jsonl", "--key", "id", *KEPT, "--concurrency", "5")
        partial = command.folder / "o.jsonl.partial"
        with command.start(*arguments) as process:
            wait_while_running(process, lambda: partial.exists() and partial.read_text().count("\n") >= 5)
            process.kill()
            process.communicate()
        assert not (command.folder / "o.jsonl").exists()
        before = lines_of(partial.read_text().rpartition("\n")[0])
        ran = command(*arguments)
        assert "Traceback" not in ran.stderr
        if ran.returncode == 75:  # some have no id in the journal
            unknown = [each for each in lines_of(partial.read_text()) if each["status"] == "unknown"]
            assert 0 < len(unknown) <= 5, "no more than were in flight"
            settle_by_candidates(command.folder / "runs.db")
            ran = command(*arguments)
        assert ran.returncode == 0
        after = {each["key"]: each for each in lines_of(command.read("o.jsonl"))}
        assert sorted(map(int, after)) == list(range(30))
        assert all(after[each["key"]] == each for each in before)
        assert executions(client, rester) == dict.fromkeys(range(30), 1)

    @needs_signals
    @pytest.mark.slow
    def test_after_ctrl_c(self, command: Command, client: Fibonacci) -> None:
        rester = client.workflows.create(name="Rester", definition=REST).id
        rows = "".join(json.dumps({"id": number, "seconds": 0.3 if number else 0}) + "\n" for number in range(12))
        command.write("rows.jsonl", rows)
        arguments = (rester, "rows.jsonl", "--key", "id", *KEPT, "--concurrency", "3")
        with command.start(*arguments) as process:
            wait_while_running(process, (command.folder / "o.jsonl.partial").exists)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=30)
        assert (process.returncode, output) == (130, "")
        assert "Traceback" not in errors
        assert ": no more rows are started. Waiting for " in errors
        assert " again to stop at once. The same command with --resume continues." in errors
        assert "journal=" not in errors
        assert "the results so far are in " in errors
        assert last_line(errors) == "fibonacci: interrupted. The same command with --resume continues"
        assert set(executions(client, rester).values()) == {1}
        assert command(*arguments).returncode == 0
        assert executions(client, rester) == dict.fromkeys(range(12), 1)
        assert len(lines_of(command.read("o.jsonl"))) == 12

    @needs_pseudo_terminals
    @pytest.mark.slow
    def test_a_terminal_that_is_closed(self, command: Command, client: Fibonacci) -> None:
        rester = client.workflows.create(name="Rester", definition=REST).id
        rows = "".join(
            json.dumps({"id": number, "seconds": 0.3 if number else 0}) + "\n" for number in range(30)
        )  # for long
        command.write("rows.jsonl", rows)
        arguments = (rester, "rows.jsonl", "--key", "id", *KEPT)
        terminal = PseudoTerminal()
        end = terminal.descriptor
        partial = command.folder / "o.jsonl.partial"
        line = command.line((*arguments, "--concurrency", "3"))
        with subprocess.Popen(line, cwd=command.folder, env=command.environment, stdout=end, stderr=end) as process:
            wait_while_running(process, partial.exists)
            terminal.close()
            process.send_signal(signal.SIGHUP)
            assert process.wait(timeout=30) == 129
        found = lines_of(partial.read_text())
        assert executions(client, rester) == {each["key"]: 1 for each in found}, "all under way was waited for"
        assert command(*arguments, "--resume").returncode == 0
        assert executions(client, rester) == dict.fromkeys(range(30), 1)
