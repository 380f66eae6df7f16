"""The two programs of the migration guide print the same, one after the other, on the same workflows."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.api_0_2.old_release import KEY, OldRelease, run_program
from tests.tools.markdown import ROOT, blocks_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("0.2.4")]

GUIDE = ROOT / "docs" / "how-to" / "coming-from-0.2.4.md"
ON_0_2 = 'client = Fibonacci(api_version="0.2")\n'
DOCUMENTED = "client = Fibonacci()\n"


def test_the_programs_of_the_migration_guide_print_the_same(
    release: OldRelease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = (block.code for block in blocks_of(GUIDE) if "last_report" in block.code)
    assert new.count(ON_0_2) == 1
    program = tmp_path / "program.py"
    monkeypatch.setenv("FIBONACCI_API_KEY", KEY)
    with Emulator(api_key=KEY) as emulator:
        root = emulator.base_url.removesuffix("/v1")
        program.write_text(old, "utf-8")
        printed = [run_program(release.python, program, root)]
        for code, base_url in ((new, root), (new.replace(ON_0_2, DOCUMENTED), emulator.base_url)):
            monkeypatch.setenv("FIBONACCI_BASE_URL", base_url)
            program.write_text(code, "utf-8")
            runpy.run_path(str(program), run_name="__main__")
            printed.append(capsys.readouterr().out)
        (workflow,) = emulator.client().workflows.list()
        runs = [each.workflow_id for each in emulator.client().executions.list()]
    assert (
        printed
        == ["completed {'summarize': '[default model] Sum up week 48'}\n{'week': 48}\nWeekly report 1 completed\n"] * 3
    )
    assert runs == [workflow.id] * 3
