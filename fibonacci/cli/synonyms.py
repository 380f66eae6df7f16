"""What people type from habit, of other commands and of fibonacci-sdk 0.2.4, and what to type in its place."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

COMMANDS: Final = {
    "login": "auth login",
    "logout": "auth logout",
    **dict.fromkeys(("whoami", "me"), "auth status"),
    **dict.fromkeys(("ls", "list"), "workflows list"),
    **dict.fromkeys(("show", "get", "describe", "cat"), "workflows get ID|NAME"),
    **dict.fromkeys(("rm", "delete", "remove"), "workflows delete ID|NAME"),
    **dict.fromkeys(("create", "new"), "workflows create FILE"),
    **dict.fromkeys(("start", "exec", "execute"), "run ID|NAME|FILE"),
    **dict.fromkeys(("logs", "log", "watch", "follow"), "executions watch ID"),
    "tail": "executions tail",
    **dict.fromkeys(("ps", "jobs", "runs", "history"), "executions list"),
    "status": "executions get ID",
    **dict.fromkeys(("cancel", "stop", "kill", "abort"), "executions cancel ID"),
    **dict.fromkeys(("deploy", "push", "up"), "apply DIR"),
    **dict.fromkeys(("init", "export", "download"), "pull ID|NAME"),
    **dict.fromkeys(("check", "lint"), "validate FILE"),
    **dict.fromkeys(("draw", "diagram"), "graph FILE"),
    **dict.fromkeys(("open", "ui", "dashboard"), "dev --open"),
    **dict.fromkeys(("serve", "emulator", "local"), "dev"),
    **dict.fromkeys(("config", "configure", "env"), "profiles list"),
    **dict.fromkeys(("ping", "check-setup"), "doctor"),
    "batch": "run-many ID|NAME ROWS",
    "security": "auth login",
    "audit": "organizations governance audit ID",
    **dict.fromkeys(("org", "keys", "secrets", "generate", "api", "curl"), "request METHOD PATH"),
}
"""What to type after `fibonacci`, by words that are not commands. The user fills in what is in capitals."""
_VERBS: Final = {
    **dict.fromkeys(("ls", "all"), ("list",)),
    **dict.fromkeys(("show", "describe", "view", "cat", "read", "status"), ("get", "show", "status")),
    **dict.fromkeys(("get",), ("show",)),
    **dict.fromkeys(("rm", "remove", "del", "unset"), ("delete", "remove", "logout")),
    **dict.fromkeys(("delete",), ("remove", "logout")),
    **dict.fromkeys(("new", "add", "init"), ("create", "add")),
    **dict.fromkeys(("edit", "change", "patch"), ("update", "set")),
    **dict.fromkeys(("put", "write", "update"), ("set", "update")),
    **dict.fromkeys(("stop", "kill", "abort"), ("cancel",)),
    **dict.fromkeys(("logs", "log", "follow"), ("watch", "status")),
    **dict.fromkeys(("switch", "select", "default"), ("use",)),
    **dict.fromkeys(("save", "migrate"), ("login",)),
    **dict.fromkeys(("me", "whoami"), ("status",)),
}
_RUN: Final = ("run", "start", "exec", "execute")
"""Words that people look for in a group, such as `workflows execute`, for a command that is in none."""


def synonym(word: str, known: Collection[str], *, is_command: bool) -> str | None:
    """Return the command that people mean by another word, or None if it is not known.

    Args:
        word: What was typed.
        known: The names of the commands that could have been typed.
        is_command: Whether it stands right after `fibonacci`. Then the text has what else to type.
    """
    if is_command:
        return COMMANDS.get(word)
    found = next((verb for verb in _VERBS.get(word, ()) if verb in known), None)
    return "fibonacci run ID|NAME|FILE" if found is None and word in _RUN else found
