"""What grows with use costs no more: a page, a filter and a delete visit what they return.

Counted in calls of functions, in steps of SQLite's machine and in query plans, not in seconds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest
from tests.kit.assertions import each_row

pytestmark = pytest.mark.xdist_group("growth")

FEW, MANY = 100, 400
HOME = "/organizations/default"
PAGES = [
    "/executions",
    "/executions?limit=10&workflow_id=wf-{last}",
    "/executions?limit=10&status=failed",
    "/executions?limit=10&status=failed&workflow_id=wf-1",
    "/executions?limit=100",
    "/workflows?limit=10",
    "/workflow-registry?limit=10&include_archived=true",
    "/workflows/wf-0/versions?limit=10",
    f"{HOME}/governance/audit?limit=10",
    f"{HOME}/tool-policies?limit=10",
    "/api/v1/workflows?skip=50&limit=10",
    "/api/v1/workflows/wf-0/runs?skip=50&limit=10",
    "/api/v1/workflows/wf-1/runs?status_filter=failed&limit=10",
]
"""Small pages, whose cost hides nothing that grows."""


def execution(number: int) -> Any:
    """Return an execution: every second one has failed."""
    return {
        "id": f"exec_{number}",
        "workflow_id": f"wf-{number % 3 % 2}",
        "workflow_version": 1,
        "inputs": {},
        "status": "completed" if number % 2 else "failed",
        "outputs": {},
        "error": None,
        "nodes": [],
        "created": 0.0,
        "started": 0.0,
        "ended": 1.0,
    }


def workflow(number: int) -> Any:
    about: Any = {"id": f"wf-{number}", "name": "x", "description": None, "definition": None}
    return about | {"version": 1, "created_at": "", "updated_at": ""}


def fill(store: Any, number: int) -> None:
    """Store so many records of each kind that grows; three of four registry entries are archived."""
    with store.transaction():
        for n in range(number):
            store.executions.add(execution(n))
            store.workflows.put(f"wf-{n}", record=workflow(n))
            store.versions.put("wf-0", str(n), record=workflow(n) | {"version": n})
            store.registry.put(f"wf-{n}", record={"status": "approved" if n % 4 == 0 else "archived"})
            store.audit.put("default", f"a{n}", record={"action": f"a{n % 3}"})
            store.audit.put("other", f"a{n}", record={"action": "a"})
            store.memory.put("workflow", "", f"k{n}", record={"expires": 9e9 + n})
            store.replays.put("f", f"k{n}", record={"until": 9e9 + n})


@pytest.fixture(params=["memory", "file"], scope="module")
def grown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Emulator]]:
    folder = tmp_path_factory.mktemp("grown")
    found: list[Emulator] = []
    for number in (FEW, MANY):
        path = None if request.param == "memory" else folder / f"{number}.db"
        found.append(Emulator(db=path, api_key="key", keep=None))
        fill(app_of(found[-1]).store, number)
    yield found
    for emulator in found:
        emulator.close()


def send(emulator: Emulator, target: str, method: str = "GET", body: bytes = b"") -> Any:
    """Send a request that succeeds, and return the body; a path without a prefix is one of `/v1`."""
    path = target if target.startswith("/api/") else f"/v1{target}"
    response = app_of(emulator).handle(ServerRequest(method, path, {"authorization": "Bearer key"}, body))
    assert response.status < 300, response.body
    return json.loads(response.body or b"null")


def cost(emulator: Emulator, act: Callable[[], object]) -> int:
    """Return how many functions of Python are called, and how many steps SQLite's machine takes."""
    steps = 0

    def count(*_: Any) -> None:
        nonlocal steps
        steps += 1

    def count_ten() -> None:
        nonlocal steps
        steps += 10

    connection = app_of(emulator).store.connection()
    connection.set_progress_handler(count_ten, 10)
    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
        connection.set_progress_handler(None, 0)
    return steps


@each_row("page", PAGES)
def test_a_page_costs_the_same_in_a_long_list(grown: list[Emulator], page: str) -> None:
    few = cost(grown[0], lambda: send(grown[0], page.format(last=FEW - 1)))
    many = cost(grown[1], lambda: send(grown[1], page.format(last=MANY - 1)))
    assert many <= few * 1.2, (few, many)


def test_a_change_costs_the_same_in_a_large_state(grown: list[Emulator]) -> None:
    def change(emulator: Emulator) -> None:
        created = send(emulator, "/workflows", "POST", b'{"name": "x"}')["data"]["id"]
        send(emulator, f"/workflows/{created}/execute", "POST", b"{}")
        send(emulator, "/memory/k", "PUT", b'{"value": 1, "ttl": 5}')
        send(emulator, f"/workflows/{created}", "DELETE")

    for emulator in grown:  # the first time costs more
        change(emulator)
    few = cost(grown[0], lambda: change(grown[0]))
    many = cost(grown[1], lambda: change(grown[1]))
    assert many <= few * 1.2, (few, many)
