"""The contract suite with `--api-version 0.2`: the emulator passes, and faults are detected."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from fibonacci._core.json_bodies import is_array
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.serving.in_process import InProcessTransport
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse
from tests.contract.suite.check import run
from tests.contract.suite.checks import CHECKS, api_0_2
from tests.contract.suite.checks.api_0_2 import ENTRY, LISTED_RUN, RUN, TOOL, WORKFLOW
from tests.contract.suite.cli import main
from tests.contract.suite.server import Server
from tests.tools.markdown import ROOT
from tests.tools.mutants.serving import SkippingWaits

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "contributing" / "reliability.md"

Change = Callable[[int, Any], tuple[int, Any]]
"""Returns another status and JSON of a response."""


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


def without(name: str) -> Change:
    def change(status: int, found: Any) -> tuple[int, Any]:
        many = found if is_array(found) else [found]
        left = [{field: value for field, value in each.items() if field != name} for each in many]
        return status, left if is_array(found) else left[0]

    return change


def having(**fields: Any) -> Change:
    return lambda status, found: (status, {**found, **fields})


FAULTS: list[tuple[str, str, Change]] = [
    ("a list ends after a page", r"GET /workflows\?skip=[1-9]", lambda status, _: (status, [])),
    ("a list ends within a page", r"GET /workflows\?", lambda status, found: (status, found[:1])),
    ("skip is ignored for ever", r"GET /workflows\?", lambda status, found: (status, found or [{"id": "wf"}])),
    ("a list has an envelope", r"GET /workflows\?", lambda status, found: (status, {"data": found})),
    ("no status_filter", r"status_filter=failed", lambda status, found: (status, [dict.fromkeys(found, None)])),
    ("a 404 is a 200", r"GET /workflows/", lambda status, found: (200 if status == 404 else status, found)),
    ("any key", r"GET /tools", lambda status, found: (200 if status == 401 else status, found)),
    (
        "an error is documented",
        r"/workflows/",
        lambda status, found: (status, found if status < 400 else {}),
    ),
    ("nothing is updated", r"PATCH /workflows/", having(name="Contract suite")),
    ("inactive is active", r"PATCH /workflows/", having(is_active=True)),
    ("inputs are not kept", r"GET /runs/", having(input_data={})),
    ("runs go on", r"GET /runs/", having(status="failed")),
    ("a value is another", r"GET /memory/", having(value=None)),
    *(
        (f"no {name}", pattern, without(name))
        for pattern, names in (
            (r"(GET|POST|PATCH) /workflows(/[^/]+)?$", [*WORKFLOW]),
            (r"GET /runs/|/execute$", [*RUN]),
            (r"/runs\?", [*LISTED_RUN]),
            (r"GET /memory/|POST /memory$", [*ENTRY]),
            (r"GET /tools", [*TOOL]),
        )
        for name in names
    ),
]


class Faulty:
    """Reaches an emulator some of whose responses are changed.

    Args:
        emulator: The emulator.
        pattern: Which requests, as a pattern of method and target.
        change: What becomes of their responses.
    """

    def __init__(self, emulator: Emulator, pattern: str, change: Change) -> None:
        self._inner = InProcessTransport(app_of(emulator))
        self._pattern, self._change = re.compile(pattern), change

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        response = self._inner.send(request, deadline)
        if not response.body or not self._pattern.search(f"{request.method} {request.target.removeprefix('/api/v1')}"):
            return response
        document = json.loads(response.body)
        status, document = self._change(response.status, document)
        return HTTPResponse(status=status, headers=response.headers, body=json.dumps(document).encode())

    def close(self) -> None:
        self._inner.close()


def test_faults_are_detected() -> None:
    missed: list[str] = []
    for name, pattern, change in FAULTS:
        emulator = Emulator()
        server = Server(
            "http://127.0.0.1",
            emulator.api_key,
            api_version="0.2",
            organization_id="default",
            transport=Faulty(emulator, pattern, change),
            clock=SkippingWaits(emulator),
        )
        if all(result.outcome == "agrees" for result in run(api_0_2.CHECKS, server)):
            missed.append(name)
    assert missed == []
