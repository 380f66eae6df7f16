"""What to do about an error, in the words of Python and in those of the command.

A process is one or the other: the command says so when it begins, and every text is made in its words.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from types import EllipsisType
from typing import Final, Literal

TABLE: Final = {
    "no key": ("pass api_key=..., set the environment variable FIBONACCI_API_KEY,", "set FIBONACCI_API_KEY,"),
    "plain http": ("Use https, or pass allow_insecure=True on a network you trust", "Use https"),
    "what selects 0.2": ('api_version="0.2"', "FIBONACCI_API_VERSION or the profile"),
    "a request": (
        'client.request("{method}", "{path}", json={{...}})',
        "`fibonacci request {method} {path} --data JSON`",
    ),
    "list the tools": ("client.tools.list()", "`fibonacci tools list`"),
    "list a tool": ("tools.list().first()", "`fibonacci tools list`"),
    "get a workflow": ("workflows.get", "`fibonacci workflows get`"),
    "plan and apply": ("workflows.plan and apply", "`fibonacci plan` and `apply`"),
    "start": ("workflows.execute", "`fibonacci run`"),
    "wait": ("executions.wait", "`fibonacci executions watch`"),
    "name a workflow": ("pass workflow_id=...,", "pass --workflow ID,"),
    "pull": ('pull("{id}", folder{argument})', "`fibonacci pull {id} --dir {folder}{option}`"),
    "merge": (
        'pull("{id}", folder{argument}, merge=True)',
        "`fibonacci pull {id} --dir {folder}{option} --merge`",
    ),
    "show both": ('workflows.get("{id}") returns', "`fibonacci diff {file} {id}` shows"),
    "replace": ("overwrite=True", "`fibonacci apply {folder}{option} --overwrite`"),
    "key type": (
        "Pass keys of the same type as before, for example with key=lambda row: str(row['id'])",
        "Pass keys of the same type as before: those of CSV are texts, unless --json-column names their column",
    ),
    "may have started": (
        ". The execution may have been started: look for it with executions.list before you start it again",
        ". The execution may have been started",  # the command adds which one of its own to run
    ),
    "another run": (
        "wait until that run ends, or end it. If you abandoned it, call close() on it, or aclose() if it is async",
        "wait until that run ends, or stop it with `fibonacci journal stop {journal}`",
    ),
    "key function": (". You can also pass a function, such as key=lambda row: row.{name}", ""),
    "continue": (
        "To continue, make the same call again with journal={journal!r}, resume=True.",
        "The same command with --resume continues.",
    ),
    "begin again": (
        "The journal has no rows, so the same call starts from the beginning.",
        "The journal has no rows, so the same command starts from the beginning.",
    ),
    "fix first": (
        "Fix the cause first, or the next call fails too. ",
        "Fix the cause first, or the command fails again. ",
    ),
    "save a plan": ("plan.save(path)", "`fibonacci plan DIR --out FILE`"),
    "moved": ('moved={{"{old}": "{new}"}}', "--moved {typed}"),
    "gone": ('moved={{"{old}": None}}', "--moved {typed}"),
    "another environment": (
        "Pass the client that it was deployed with, or another environment=..., which adds a state to .fibonacci. In a"
        " test, use a copy of the folder without .fibonacci",
        "Pass the --profile that it was deployed with, or another --environment, which adds a state to .fibonacci",
    ),
    "overwrite": (": overwrite=True replaces them", ""),
    "merge or overwrite": (": merge=True keeps them, overwrite=True replaces them", ". --merge keeps them"),
    "unknown rows": ("{count} of the rows", "these rows"),
    "start the others": (
        ", and run only the rows that were not started. Without a journal, another call runs every row a second time",
        ", and run only the rows that were not started. Without --journal, the same command runs every row a second"
        " time.",
    ),
    "settle": (
        " and their candidates, and settle each with read_journal({journal!r}).settle(key, ...)",
        ", and settle each with `fibonacci journal settle {journal} KEY --execution ID` or --not-started",
    ),
    "rerun": (
        ', or call again with if_unknown="rerun" to start them, possibly a second time',
        ", or repeat the command with --if-unknown rerun to start them, possibly a second time",
    ),
    "retry failed": (
        " With retry_failed=True, it also starts the rows again that have failed.",
        " With --retry-failed, it also starts the rows again that have failed.",
    ),
    "resume needs rows": (
        "resume=True needs a journal that has some: check its path",
        "--resume needs some: check FILE",
    ),
}


_reader: Literal["python", "command"] = "python"


@contextmanager
def worded_for_command() -> Generator[None]:
    """Word every text for the command while the block lasts."""
    global _reader
    before, _reader = _reader, "command"
    try:
        yield
    finally:
        _reader = before


def worded(python: str, command: str) -> str:
    """Return the text for Python, or the one for the command if this process runs the command."""
    return python if _reader == "python" else command


def remedy(name: str, /, **values: str) -> str:
    """Return a remedy of the table, with the values that it names."""
    return worded(*TABLE[name]).format(**values)


def argument(name: str, value: str | float | EllipsisType | None = None) -> str:
    """Return an argument of a call, which is an option of the command.

    Args:
        name: The name of the argument.
        value: The value that it is given: True is an option without one, and `...` leaves the value out.
    """
    flag = f"--{name.replace('_', '-')}"
    if value is None:
        return worded(name, flag)
    if value is ...:
        return worded(f"{name}=", flag)
    if isinstance(value, str):
        return worded(f'{name}="{value}"', f"{flag} {value}")
    if value is True:
        return worded(f"{name}=True", flag)
    return worded(f"{name}={value:g}", f"{flag} {value:g}")


def placeholder(name: str) -> str:
    """Return a positional argument of a call, which has capitals in the usage of the command."""
    return worded(name, "ID|NAME" if name == "workflow_id" else name.upper())


_WITHOUT_JSON: Final = {
    "bytes": "decode it, or encode it as base64 text",
    "bytearray": "decode it, or encode it as base64 text",
    "datetime": "use .isoformat()",
    "date": "use .isoformat()",
    "Decimal": "use str() or float()",
    "UUID": "use str()",
    "set": "use sorted() or list()",
    "frozenset": "use sorted() or list()",
    "Timestamp": "use .isoformat()",
    "ndarray": "use .tolist()",
    "WorkflowBuilder": "use its .definition",
    "Template": "it has a value only inside the workflow of its builder",
}


def json_remedy(value: object) -> str:
    """Return what to do about a value that has no JSON form."""
    of_any = "use .item()" if hasattr(value, "dtype") else "pass plain data: dict, list, str, numbers, bool, None"
    return _WITHOUT_JSON.get(type(value).__name__, of_any)
