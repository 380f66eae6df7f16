"""The sessions that the pages show, each against an emulator of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Final, NamedTuple

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator, LLMCall
from tests.cli.invocation import environment
from tests.tools.pictures.emulator_page import NEWSLETTER, TRIAGE
from tests.tools.pictures.terminal.drawing import draw_terminal
from tests.tools.pictures.terminal.screen import run_on_terminal
from tests.tools.pictures.themes import in_both

PAUSE = 1.2  # the seconds that a node takes
_COLUMNS: Final = 88
_BASE_URL: Final = "http://127.0.0.1:8787/v1"
_FOLDER: Final = "/home/ada"
_GREETER: Final = """\
name: Greeter
description: Greets people
nodes:
  - id: greet
    type: llm
    instruction: Greet {{input.name}}
"""
_SUMMARY: Final = """\
name: Summary
nodes:
  - id: sum_up
    type: llm
    instruction: Sum up {{input.text}}
"""
_TEXTS: Final = {
    "outline": "1. The moon  2. The sun  3. The shape of the coast",
    "draft": "Twice a day the sea rises, because the moon pulls the water.",
    "review": "Clear, and not too long.",
}
_ARTICLE: Final = {
    "nodes": [
        {"id": "outline", "type": "llm", "instruction": "Outline an article about {{input.topic}}"},
        {"id": "draft", "type": "llm", "instruction": "Write about {{input.topic}}: {{outline}}"},
        {"id": "review", "type": "llm", "instruction": "Review it: {{draft}}"},
    ]
}


class TerminalSession(NamedTuple):
    """Commands, and where they run.

    Attributes:
        title: What the session shows.
        commands: The command lines.
        prepare: Makes what they need, in the emulator and in the folder.
    """

    title: str
    commands: Sequence[str]
    prepare: Callable[[Emulator, Path], object]


def _greeter(emulator: Emulator, _: Path) -> None:
    client = emulator.client()
    client.workflows.create(name="Newsletter", definition=NEWSLETTER)
    client.workflows.create(name="Triage", description="Sorts incoming mail", definition=TRIAGE)
    greeter = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
    client.workflows.create(name="Greeter", description="Greets people", definition=greeter)
    emulator.script("greet", ["Good morning, Ada!"])


def _article(emulator: Emulator, _: Path) -> None:
    emulator.client().workflows.create(name="Article", definition=_ARTICLE)

    @emulator.llm
    def reply(call: LLMCall) -> str:
        sleep(PAUSE)
        if "storms" in call.instruction and call.node_id == "draft":
            raise TimeoutError("no answer in 30 s")
        return _TEXTS[call.node_id]


def _flows(emulator: Emulator, folder: Path) -> None:
    flows = folder / "flows"
    flows.mkdir()
    file = flows / "greeter.yaml"
    file.write_text(_GREETER, "utf-8")
    with Fibonacci(emulator.api_key, base_url=emulator.base_url) as client:
        client.workflows.apply(client.workflows.plan(flows))
    file.write_text(_GREETER.replace("Greet {{", "Welcome {{"), "utf-8")
    (flows / "summary.yaml").write_text(_SUMMARY, "utf-8")


SESSIONS: Final[Mapping[str, TerminalSession]] = {
    "terminal-run": TerminalSession(
        "Workflows and runs",
        (
            "fibonacci workflows list --fields name,description,status",
            "fibonacci run Greeter --input name=Ada",
            "fibonacci run Greeter --input nmae=Ada",
            "fibonacci executions list --fields id,status,created_at",
        ),
        _greeter,
    ),
    "terminal-watch": TerminalSession(
        "Follow a run",
        (
            "fibonacci run Article --input topic=tides --watch",
            "fibonacci run Article --input topic=storms --watch",
        ),
        _article,
    ),
    "terminal-plan": TerminalSession(
        "Deploy a folder of definitions",
        ("fibonacci plan flows --detailed", "fibonacci apply flows --yes --quiet", "fibonacci plan flows"),
        _flows,
    ),
}


def played(session: TerminalSession) -> list[str]:
    """Run the commands of a session; return the lines on the screen.

    The address and the folder, which differ in each run, are those that the pages have.
    """
    lines: list[str] = []
    with Emulator() as emulator, TemporaryDirectory() as folder, TemporaryDirectory() as settings:
        session.prepare(emulator, Path(folder))
        env = environment(emulator, Path(settings))
        for command in session.commands:
            lines += [f"\x1b[36m$\x1b[0m \x1b[1m{command}\x1b[0m"]
            lines += [*run_on_terminal(command, columns=_COLUMNS, folder=Path(folder), env=env), ""]
        usual = {emulator.base_url: _BASE_URL, folder: _FOLDER}
    return [_replaced(line, usual) for line in lines[:-1]]


def _replaced(line: str, texts: Mapping[str, str]) -> str:
    for old, new in texts.items():
        line = line.replace(old, new)
    return line


def terminal_pictures() -> dict[str, str]:
    """Return the content of each picture by its file name."""
    drawn: dict[str, str] = {}
    for name, session in SESSIONS.items():
        drawn |= in_both(name, partial(draw_terminal, session.title, played(session), _COLUMNS))
    return drawn
