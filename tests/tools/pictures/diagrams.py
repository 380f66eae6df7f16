"""The pictures of docs/how-to/draw-diagrams.md and docs/reference/definitions.md, drawn by the package."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from functools import partial
from typing import Any

from fibonacci.definitions import svg
from fibonacci.emulator import Emulator
from fibonacci.models import Execution
from tests.tools.markdown import ROOT, blocks_of
from tests.tools.pictures.themes import Theme, in_both

PAGE = ROOT / "docs" / "how-to" / "draw-diagrams.md"
MEANING = ROOT / "docs" / "reference" / "definitions.md"

CASES: dict[str, dict[str, Any]] = {
    "skipped_gate": {"mail": "Please refund me", "decision": "no", "amount": 20},
    "two_gates": {"mail": "Help", "urgency": "low", "sender": "customer"},
    "join": {"decision": "no"},
    "failure": {},
}
"""The inputs of the runs that the second page shows, by the name that it gives the definition."""

_PREFERS_DARK = re.compile(r"^@media \(prefers-color-scheme:dark\)\{(.*)\}\n", re.MULTILINE)

FAULTS: dict[str, Any] = {
    "nodes": [
        {"id": "ask", "type": "llm", "instruction": "Ask {{answer}}"},
        {"id": "answer", "type": "llm", "instruction": "Answer {{ask}} with {{serach}}"},
        {"id": "search", "type": "tool", "tool": "web_search"},
    ]
}


def triage() -> dict[str, Any]:
    """Return the definition that the page's first block makes."""
    code = next(block.code for block in blocks_of(PAGE) if block.language == "python")
    names: dict[str, Any] = {}
    exec(code.partition("Path(")[0], names)
    definition: dict[str, Any] = names["definition"]
    return definition


def run_of_triage() -> Execution:
    """Return a failed run, as the platform sends it."""
    seconds = {"classify": ("completed", 1.24), "gate": ("completed", 0.003), "draft": ("failed", 31.0)}
    trace: list[dict[str, Any]] = [
        {
            "id": node_id,
            "status": status,
            "started_at": "2026-01-01T10:00:00Z",
            "ended_at": f"2026-01-01T10:00:{duration:09.6f}Z",
            "error": "the model did not answer within 30 s" if status == "failed" else None,
        }
        for node_id, (status, duration) in seconds.items()
    ]
    trace += [{"id": node_id, "status": "skipped"} for node_id in ("page", "judge")]
    status = {"execution_id": "exec_8f2c41", "status": "failed", "duration_ms": 32243}
    return Execution.model_validate(status | {"trace": trace})


def run_of(definition: Any, inputs: dict[str, Any]) -> Execution:
    """Run a definition in the emulator, and return the states of its nodes; their times would differ each time."""
    client = Emulator().client()
    workflow = client.workflows.create(name="Example", definition=definition)
    started = client.workflows.execute(workflow.id, inputs=inputs)
    trace = client.executions.get(started.id).trace or []
    states = [{"id": node.id, "status": node.status, "reason": node.reason, "error": node.error} for node in trace]
    return Execution.model_validate({"execution_id": "exec_1", "status": "completed", "trace": states})


def cases() -> dict[str, str]:
    """Return the pictures of the cases that people get wrong."""
    names: dict[str, Any] = {}
    with redirect_stdout(io.StringIO()):
        for block in blocks_of(MEANING):
            if block.language == "python":
                exec(block.code, names)
    return {
        f"flow-{name.replace('_', '-')}": svg(names[name], execution=run_of(names[name], inputs))
        for name, inputs in CASES.items()
    }


def diagrams() -> dict[str, str]:
    """Return the content of each picture by its file name."""
    drawn = {
        "triage": svg(triage()),
        "triage-run": svg(triage(), execution=run_of_triage()),
        "faults": svg(FAULTS),
        **cases(),
    }
    files: dict[str, str] = {}
    for name, picture in drawn.items():
        files |= in_both(name, partial(_fixed, picture))
    return files


def _fixed(picture: str, theme: Theme) -> str:
    """Return a diagram that is light or dark, whatever the reader's system prefers."""
    colors = r"\1\n" if theme.name == "dark" else ""
    fixed, number = _PREFERS_DARK.subn(colors, picture)
    assert number == 1, "the style sheet of diagrams has one rule for dark"
    return fixed + "\n"
