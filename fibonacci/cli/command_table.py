"""Every command by its name: its module, which is imported when the command is used, and its line in the help."""

from __future__ import annotations

from typing import Final, NamedTuple


class CommandEntry(NamedTuple):
    """One command.

    Attributes:
        help: Its line in the help of the command above it.
        module: The module under `fibonacci.cli.commands` that adds its arguments and runs it.
    """

    help: str
    module: str


COMMANDS: Final[dict[str, CommandEntry]] = {
    "run": CommandEntry("run a workflow, and wait for its outputs", "run"),
    "run-many": CommandEntry("run a workflow for each row of a file, at most once each", "run_many"),
    "journal": CommandEntry("look into the journal of a run-many, or stop its run", "journal"),
    "request": CommandEntry("send any request", "request"),
    "validate": CommandEntry("check a definition", "validate"),
    "fmt": CommandEntry("format a definition", "fmt"),
    "schema": CommandEntry("print the JSON Schema of definitions, for editors", "schema"),
    "graph": CommandEntry("draw a definition", "graph"),
    "diff": CommandEntry("compare two definitions", "diff"),
    "plan": CommandEntry("show what apply would change", "plan"),
    "apply": CommandEntry("deploy a folder of definitions", "apply"),
    "pull": CommandEntry("save a workflow as a definition", "pull"),
    "dev": CommandEntry("serve the platform on this machine", "dev"),
    "doctor": CommandEntry("check key, network and versions", "doctor"),
    "open": CommandEntry("open a page in the browser", "open"),
    "auth": CommandEntry("log in, log out, show who is logged in", "auth"),
    "profiles": CommandEntry("list, choose and add profiles", "profiles"),
    "mcp": CommandEntry("serve workflows as tools for agents", "mcp"),
    "completion": CommandEntry("print the completion of a shell", "completion"),
}
"""The commands for people, in the order of the help."""

VERBS: Final[dict[str, dict[str, CommandEntry]]] = {
    "executions": {
        "watch": CommandEntry("show an execution until it has ended", "executions_watch"),
        "tail": CommandEntry("show executions as they change", "executions_tail"),
    },
}
"""The verbs for people in the groups of derived commands, by group."""
