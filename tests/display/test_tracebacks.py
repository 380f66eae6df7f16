"""An error of the package is a few lines in IPython; every other error, and `%tb Plain`, is as always.

IPython changes the process that it runs in. It therefore has one of its own, in which all cases run, one after another.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fibonacci._display.html import REMEDIES
from tests.tools.markdown import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("IPython")]

CALL = "client.workflows.get('wf-nope')"
CASES: dict[str, list[str]] = {
    "a 404": [f"x = 1\n{CALL}"],
    "a module": ["from users_module import fetch\n\nfetch(client)"],
    "a long way": [f"def dig(depth):\n    dig(depth - 1) if depth else {CALL}\n\ndig(50)"],
    "a comprehension": [f"[{CALL} for _ in range(3)]"],
    "an async call": ["await async_client.workflows.get('wf-nope')"],
    "%tb": [CALL, "%tb"],
    "%tb Plain": [CALL, "%tb Plain"],
    "%tb Verbose": [CALL, "%tb Verbose"],
    "%xmode Plain": ["%xmode Plain", CALL],
    "a cause": [
        "def call():\n"
        "    try:\n"
        "        raise ConnectionRefusedError('nobody there')\n"
        "    except OSError as cause:\n"
        "        error = FibonacciError('no connection')\n"
        "        error.add_note('execution exec_1 goes on')\n"
        "        raise error from cause\n"
        "call()"
    ],
    "control characters": [r"raise FibonacciError('\x1b]0;owned\x07\x1b[2J')"],
    "an error of the user's": [f"try:\n    {CALL}\nexcept NotFoundError as e:\n    raise ValueError('own') from e"],
    "the faults of a definition": ["from fibonacci.definitions import loads\nloads('nodes: [')"],
    "another error": ["1 / 0"],
}

PROGRAM = """
import io, json, sys
from contextlib import redirect_stdout
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
from fibonacci import FibonacciError, NotFoundError
from fibonacci.emulator import Emulator

config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config, colors="nocolor")
names = {"client": Emulator().client(), "async_client": Emulator().async_client(), "NotFoundError": NotFoundError}
shell.push({**names, "FibonacciError": FibonacciError})
shown = {}
for name, cells in json.load(sys.stdin).items():
    for cell in cells:
        with redirect_stdout(io.StringIO()) as output:
            shell.run_cell(cell, store_history=True)
    shown[name] = output.getvalue().splitlines()
    shell.InteractiveTB.set_mode("Context")
print(json.dumps(shown))
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the lines that the last cell of each case printed."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "users_module.py").write_text("def fetch(client):\n    return client.workflows.get('wf-nope')\n", "utf-8")
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        check=True,
        cwd=folder,
        input=json.dumps(CASES),
        text=True,
        timeout=60,
    )
    lines: dict[str, list[str]] = json.loads(run.stdout)
    return lines


def test_a_404_is_a_few_lines(shown: dict[str, list[str]]) -> None:
    lines = shown["a 404"]
    assert len(lines) <= 8
    assert lines[:2] == ["Cell In[1], line 2", f"----> 2 {CALL}"]
    assert lines[3].startswith("NotFoundError: GET /workflows/wf-nope: status 404 not_found, There is no workflow")
    assert lines[4].startswith("What to do: Check the ID.")
    assert lines[-1] == "All frames: %tb Plain"


@pytest.mark.parametrize("case", ["a comprehension", "an async call"])
def test_the_line_is_shown_once(case: str, shown: dict[str, list[str]]) -> None:
    assert len([line for line in shown[case] if line.startswith("---->")]) == 1
    assert len(shown[case]) <= 8


def test_the_functions_of_the_user_are_shown(shown: dict[str, list[str]]) -> None:
    lines = shown["a module"]
    assert lines[1:3] == ["----> 3 fetch(client)", ""]
    file, _, number = lines[3].removeprefix("File ").partition(", line ")
    assert (Path(file).name, number) == ("users_module.py", "2")
    assert lines[4] == f"----> 2 return {CALL}"


def test_a_long_way_to_the_call_is_cut_to_its_end(shown: dict[str, list[str]]) -> None:
    assert len(shown["a long way"]) <= 16


@pytest.mark.parametrize("command", ["%tb Plain", "%tb Verbose", "%xmode Plain"])
def test_all_frames_are_a_command_away(command: str, shown: dict[str, list[str]]) -> None:
    text = "\n".join(shown[command])
    assert "requestor.py" in text
    assert "All frames" not in text


def test_the_mode_is_that_of_one_command(shown: dict[str, list[str]]) -> None:
    assert shown["%tb"][-1] == "All frames: %tb Plain"


def test_the_faults_of_a_definition_are_a_line_each(shown: dict[str, list[str]]) -> None:
    lines = shown["the faults of a definition"]
    assert len(lines) <= 8
    assert lines[0].endswith(", line 2")
    assert lines[1] == "----> 2 loads('nodes: [')"
    assert lines[3].startswith("DefinitionError: <text>:1:9: error: not a YAML document")


def test_a_cause_and_notes_are_a_line_each(shown: dict[str, list[str]]) -> None:
    assert shown["a cause"][-4:] == [
        "FibonacciError: no connection",
        "execution exec_1 goes on",
        "Cause: ConnectionRefusedError: nobody there",
        "All frames: %tb Plain",
    ]


def test_a_terminal_is_not_sent_the_control_characters_of_the_platform(shown: dict[str, list[str]]) -> None:
    text = "\n".join(shown["control characters"])
    assert r"FibonacciError: \x1b]0;owned\x07\x1b[2J" in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", text)


def test_errors_of_others_are_as_always(shown: dict[str, list[str]]) -> None:
    text = "\n".join(shown["an error of the user's"])
    assert "The above exception was the direct cause" in text
    assert "requestor.py" in text
    assert "Traceback (most recent call last)" in "\n".join(shown["another error"])


def test_the_remedies_are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")
    rows: list[Any] = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.+) \|$", page.partition("## Remedies")[2], re.MULTILINE)
    written = {name.strip("` "): text for names, text in rows for name in names.split(",")}
    assert {name: written.get(name) for name in REMEDIES} == REMEDIES
    say_it = {
        *("ConfigurationError", "APIConnectionError", "DefinitionError", "DeploymentError", "ValueError", "TypeError"),
        *("JournalError", "RunsStoppedError", "TooManyFailuresError", "UnknownOutcomeError"),
        "UnsupportedCallError",
    }
    assert set(written) - set(REMEDIES) == say_it
