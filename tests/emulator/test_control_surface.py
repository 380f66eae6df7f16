"""The control API does what the Python object does; the documentation has a table of both: they are compared."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from fibonacci.emulator import Emulator
from fibonacci.emulator.routes.control import ENDPOINTS as CONTROL_ENDPOINTS
from tests.kit.programs import find
from tests.tools.markdown import SHELL, blocks_of

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-the-emulator-from-other-languages.md"
ENDPOINTS = {*map(str, CONTROL_ENDPOINTS)}


def documented() -> dict[str, str]:
    """Return the table: each endpoint with its cell about Python."""
    rows = re.findall(r"^\| `([A-Z]+) /_emulator(/\S*)` \|.*\| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(rows) == len({(method, path) for method, path, _ in rows}), "an endpoint has two rows"
    return {f"{method} {path}": python for method, path, python in rows}


def test_the_table_of_the_documentation_has_every_endpoint() -> None:
    assert documented().keys() == ENDPOINTS


def test_the_example_with_curl_runs(tmp_path: Path) -> None:
    find("curl")
    (example,) = (block.code for block in blocks_of(PAGE) if block.language in SHELL and "/snapshot" in block.code)
    with Emulator(api_key="local-key", allow_unused=True) as emulator:
        client = emulator.client(max_retries=0)
        workflow = client.workflows.create(name="Kept")
        environment = {
            "PATH": os.environ["PATH"],
            "FIBONACCI_BASE_URL": emulator.base_url,
            "FIBONACCI_API_KEY": "local-key",
            "NO_PROXY": "*",
        }
        run = subprocess.run(
            ["sh", "-eu", "-c", example], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        assert [failure.route for failure in emulator.failures] == ["GET /tools"]
        assert client.workflows.get(workflow.id).name == "Kept"
        assert (tmp_path / "before.json").read_bytes() == emulator.snapshot()
