"""The control API does what the Python object does; the documentation has a table of both: they are compared."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from fibonacci.emulator import Emulator
from fibonacci.emulator.routes.control import ENDPOINTS as CONTROL_ENDPOINTS
from tests.kit.assertions import each_row
from tests.kit.programs import find
from tests.tools.markdown import SHELL, blocks_of

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-the-emulator-from-other-languages.md"
ENDPOINTS = {*map(str, CONTROL_ENDPOINTS)}

IN_THE_CONTROL_API: Mapping[str, list[str]] = {
    "approve": ["POST /approvals/{execution_id}"],
    "chaos": ["POST /chaos"],
    "clock": ["GET /clock", "POST /clock/advance"],
    "env": ["GET /env", "PUT /env/{name}", "DELETE /env/{name}"],
    "fail": ["POST /failures"],
    "failures": ["GET /failures", "DELETE /failures"],
    "keep": ["GET /settings", "PATCH /settings"],
    "key": ["POST /keys"],
    "models": ["GET /models", "POST /models", "DELETE /models/{name}"],
    "organization_id": ["GET /settings"],
    "plan": ["GET /settings", "PATCH /settings"],
    "rate_limit": ["GET /settings", "PATCH /settings"],
    "preserve_state": ["GET /snapshot", "POST /restore"],
    "reject": ["POST /approvals/{execution_id}"],
    "requests": ["GET /requests", "DELETE /requests"],
    "reset": ["POST /reset"],
    "restore": ["POST /restore"],
    "script": ["POST /scripts"],
    "scripts": ["GET /scripts", "DELETE /scripts"],
    "secrets": ["GET /secrets", "PUT /secrets/{name}", "DELETE /secrets/{name}"],
    "snapshot": ["GET /snapshot"],
    "warnings": ["GET /warnings"],
}
"""Each public name of `Emulator` with its endpoints."""

IN_PYTHON_ONLY: Mapping[str, str] = {
    "allow_unused": "counts where code of this process ends a block or a test",
    "api_key": "whoever calls the control API has it",
    "async_client": "makes an object of this process",
    "base_url": "whoever calls the control API has it",
    "check_unused": "fails the test that calls it",
    "client": "makes an object of this process",
    "close": "the control API is there while the emulator listens",
    "critic": "registers a function of this process",
    "llm": "registers a function of this process",
    "record": "keeps what functions of this process answer",
    "replay": "names a file of this machine: `--replay` is for other programs",
    "start": "the control API is there while the emulator listens",
    "tool": "registers a function of this process",
}
"""The other public names, each with the reason."""


def public_names() -> set[str]:
    return {name for name in dir(Emulator()) if not name.startswith("_")}


def test_every_public_name_has_an_endpoint_or_a_reason() -> None:
    assert IN_THE_CONTROL_API.keys() | IN_PYTHON_ONLY.keys() == public_names()
    assert not IN_THE_CONTROL_API.keys() & IN_PYTHON_ONLY.keys()
    assert all(IN_PYTHON_ONLY.values())


def test_every_endpoint_belongs_to_a_public_name() -> None:
    assert {endpoint for endpoints in IN_THE_CONTROL_API.values() for endpoint in endpoints} == ENDPOINTS


def documented() -> dict[str, str]:
    """Return the table: each endpoint with its cell about Python."""
    rows = re.findall(r"^\| `([A-Z]+) /_emulator(/\S*)` \|.*\| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(rows) == len({(method, path) for method, path, _ in rows}), "an endpoint has two rows"
    return {f"{method} {path}": python for method, path, python in rows}


def test_the_table_of_the_documentation_has_every_endpoint() -> None:
    assert documented().keys() == ENDPOINTS


@each_row("endpoint", sorted(ENDPOINTS))
def test_the_table_of_the_documentation_names_what_python_has(endpoint: str) -> None:
    named = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`(.*?)`", documented()[endpoint]))))
    ours = {name for name, endpoints in IN_THE_CONTROL_API.items() if endpoint in endpoints}
    assert named & ours, f"the row of {endpoint} names none of {ours}"


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
