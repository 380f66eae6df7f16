"""The instructions of the processor that a cold script takes, whatever else runs at the time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tools.benchmarks.guards import instructions

pytestmark = pytest.mark.slow

INSTRUCTIONS = 0.49 * 1.1
"""Relative to the same by hand: as measured in November 2026, and a tenth."""

BY_HAND = """
import httpx
from fibonacci.models import Workflow
with httpx.Client(headers={{"Authorization": "Bearer key"}}) as client:
    for _ in range({number}):
        response = client.get("{url}/v1/workflows/wf-1")
        response.raise_for_status()
        Workflow.model_validate(response.json()["data"])
"""
BY_SDK = """
import sys
sys.modules["tornado"] = None  # which tenacity imports where it is installed
from fibonacci import Fibonacci
with Fibonacci("key", base_url="{url}/v1") as client:
    for _ in range({number}):
        client.workflows.get("wf-1")
"""


@pytest.mark.timeout(600)  # valgrind is some fifty times slower than the processor
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not there")
def test_instructions_of_a_cold_script_with_a_hundred_calls(url: str, tmp_path: Path) -> None:
    sdk, by_hand = (instructions(script.format(url=url, number=100), tmp_path) for script in (BY_SDK, BY_HAND))
    assert sdk / by_hand < INSTRUCTIONS
