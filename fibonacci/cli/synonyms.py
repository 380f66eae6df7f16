"""What people type from habit, of other commands and of fibonacci-sdk 0.2.4, and what to type in its place."""

from __future__ import annotations

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
