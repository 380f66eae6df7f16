"""Versions."""

from __future__ import annotations

from typing import Any, Final

from fibonacci.testing.contract.check import Checks, require, require_among, require_equal
from fibonacci.testing.contract.checks.common import require_not_found
from fibonacci.testing.contract.server import CHEAP, Server

AS_CREATED: Final = ("Contract suite", "Made by a check", CHEAP)
CHANGES: Final[dict[str, Any]] = {
    "name": "Changed",
    "description": "Changed too",
    "definition": {"nodes": [CHEAP["nodes"][1]]},
}

CHECKS: Final = Checks()


def _numbers(server: Server, workflow_id: str) -> list[int | str]:
    return [each.version for each in server.client.versions.list(workflow_id)]


@CHECKS.documented("GET /workflows/{id}/versions", "Every deployment makes a snapshot", changes=True)
def _snapshots(server: Server) -> None:
    made = server.create_workflow()
    before = _numbers(server, made.id)
    server.client.workflows.update(made.id, name="Changed")
    after = _numbers(server, made.id)
    require_equal((len(before), len(set(after))), (1, 2), "the number of versions before and after a change")


@CHECKS.documented("GET /workflows/{id}/versions/{version}", "A version is read as the workflow was then", changes=True)
def _read(server: Server) -> None:
    made = server.create_workflow(description="Made by a check", definition=CHEAP)
    (first,) = _numbers(server, made.id)
    server.client.workflows.update(made.id, **CHANGES)
    version = server.client.versions.get(made.id, first)
    require_equal(version.version, first, "version")
    require_equal((version.name, version.description, version.definition), AS_CREATED, "name, description, definition")


@CHECKS.choice("GET /workflows/{id}/versions/{version}", "An unknown version is refused with 404", changes=True)
def _unknown(server: Server) -> None:
    made = server.create_workflow()
    require_not_found(lambda: server.client.versions.get(made.id, 4_000_000))


@CHECKS.documented(
    "POST /workflows/{id}/versions/{version}/rollback", "Rolling back brings an earlier version back", changes=True
)
def _rolled_back(server: Server) -> None:
    made = server.create_workflow(description="Made by a check", definition=CHEAP)
    (first,) = _numbers(server, made.id)
    server.client.workflows.update(made.id, **CHANGES)
    server.client.versions.rollback(made.id, first)
    found = server.client.workflows.get(made.id)
    require_equal((found.name, found.description, found.definition), AS_CREATED, "name, description, definition")


@CHECKS.documented(
    "POST /workflows/{id}/versions/{version}/rollback", "It makes a new version and keeps the history", changes=True
)
def _history(server: Server) -> None:
    made = server.create_workflow()
    server.client.workflows.update(made.id, name="Changed")
    before = _numbers(server, made.id)
    server.client.versions.rollback(made.id, before[-1])
    after = _numbers(server, made.id)
    require(set(before) < set(after), f"the versions were {before} and are {after}")


@CHECKS.choice("POST /workflows/{id}/versions/{version}/rollback", "The response is the new version", changes=True)
def _answer(server: Server) -> None:
    made = server.create_workflow(description="Made by a check", definition=CHEAP)
    before = _numbers(server, made.id)
    new = server.client.versions.rollback(made.id, before[0])
    require(new.version not in before, f"the response is version {new.version!r}, which was there before")
    require_equal((new.name, new.description, new.definition), AS_CREATED, "name, description, definition")
    require_among(new.version, _numbers(server, made.id), "the version")


@CHECKS.choice(
    "POST /workflows/{id}/versions/{version}/rollback", "An unknown version is refused with 404", changes=True
)
def _rollback_to_unknown(server: Server) -> None:
    made = server.create_workflow()
    require_not_found(lambda: server.client.versions.rollback(made.id, 4_000_000))
