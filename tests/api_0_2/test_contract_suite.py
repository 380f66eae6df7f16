"""The contract suite with `--api-version 0.2`: the emulator passes."""

from __future__ import annotations

import pytest

from fibonacci.emulator import Emulator
from tests.contract.suite.checks import CHECKS
from tests.contract.suite.cli import main
from tests.tools.markdown import ROOT

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "contributing" / "reliability.md"


def test_the_emulator_passes_what_is_in_the_api(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    root = emulator.base_url.removesuffix("/v1")
    assert main(["--base-url", root, "--api-key", emulator.api_key, "--api-version", "0.2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    counts = [sum(text in line for line in lines) for text in ("  agrees", "  not in this API: ")]
    assert sum(counts) == len(CHECKS["0.2"])
    assert lines[-2] == "{} checks: {} agree, 0 disagree, 0 skipped, {} not in this API".format(sum(counts), *counts)
    assert f"\n{lines[-2]}\n" in PAGE.read_text("utf-8")
    assert all(request.path.startswith("/api/v1/") for request in emulator.requests)
    assert emulator.client().workflows.list().first() is None  # what it has made is gone
