"""The two programs of the migration guide print the same, one after the other, on the same workflows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.api_0_2.old_release import KEY, OldRelease, run_program
from tests.tools.markdown import ROOT, blocks_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("0.2.4")]

GUIDE = ROOT / "docs" / "how-to" / "coming-from-0.2.4.md"
ON_0_2 = 'client = Fibonacci(api_version="0.2")\n'
DOCUMENTED = "client = Fibonacci()\n"


def test_the_programs_of_the_migration_guide_print_the_same(release: OldRelease, tmp_path: Path) -> None:
    old, new = (block.code for block in blocks_of(GUIDE) if "last_report" in block.code)
    assert new.count(ON_0_2) == 1
    with Emulator(api_key=KEY) as emulator:
        root = emulator.base_url.removesuffix("/v1")
        printed: list[str] = []
        for number, (python, code, base_url) in enumerate(
            [
                (release.python, old, root),
                (Path(sys.executable), new, root),
                (Path(sys.executable), new.replace(ON_0_2, DOCUMENTED), emulator.base_url),
            ]
        ):
            program = tmp_path / f"program_{number}.py"
            program.write_text(code, "utf-8")
            printed.append(run_program(python, program, base_url))
        (workflow,) = emulator.client().workflows.list()
        runs = [each.workflow_id for each in emulator.client().executions.list()]
    assert (
        printed
        == ["completed {'summarize': '[default model] Sum up week 48'}\n{'week': 48}\nWeekly report 1 completed\n"] * 3
    )
    assert runs == [workflow.id] * 3
