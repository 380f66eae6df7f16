"""Some changes of the emulator's source, each with the check of the contract suite that detects it.

`python -m tests.tools.mutants` has hundreds, and says which survive.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.tools.markdown import ROOT

CHANGES = [
    ("engine/execution.py", "tries > node.max_retries", "tries >= node.max_retries", "runs.retry"),
    (
        "routes/workflows.py",
        'store.memory.delete_all({"scope": "workflow", "owner": workflow_id})',
        "pass",
        "workflows.deleted_memory",
    ),
    ("routes/health.py", '"version": API_VERSION', '"version": "2"', ""),
]
"""The file, a line and what becomes of it, and the first check that disagrees; empty where none does."""


@pytest.mark.slow
def test_a_change_of_the_source_is_detected_by_this_check() -> None:
    servers = list[list[str]]()
    for name, before, after, _ in CHANGES:
        path = f"fibonacci/emulator/{name}"
        source = (ROOT / path).read_text("utf-8")
        assert source.count(before) == 1, (path, before)
        servers.append([path, source.replace(before, after)])
    command = [sys.executable, "-m", "tests.tools.mutants.grading"]
    run = subprocess.run(command, input=json.dumps(servers), capture_output=True, text=True, check=True, cwd=ROOT)
    detected = [check for _, check, _ in map(json.loads, run.stdout.splitlines())]
    assert detected == [check for *_, check in CHANGES]
