"""Versions."""

from __future__ import annotations

from typing import Final

from fibonacci.testing.contract.check import Checks, require, require_equal
from fibonacci.testing.contract.checks.common import UNKNOWN, require_not_found
from fibonacci.testing.contract.server import Server

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
    made = server.create_workflow()
    first = _numbers(server, made.id)[0]
    server.client.workflows.update(made.id, name="Changed")
    require_equal(server.client.versions.get(made.id, first).name, made.name, "name")


@CHECKS.choice("GET /workflows/{id}/versions/{version}", "An unknown version is refused with 404", changes=True)
def _unknown(server: Server) -> None:
    made = server.create_workflow()
    require_not_found(lambda: server.client.versions.get(made.id, 4_000_000))


@CHECKS.choice("GET /workflows/{id}/versions", "The versions of an unknown workflow are refused with 404")
def _of_unknown(server: Server) -> None:
    require_not_found(lambda: list(server.client.versions.list(UNKNOWN)))


@CHECKS.documented(
    "POST /workflows/{id}/versions/{version}/rollback", "Rolling back brings an earlier version back", changes=True
)
def _rolled_back(server: Server) -> None:
    made = server.create_workflow()
    first = _numbers(server, made.id)[0]
    server.client.workflows.update(made.id, name="Changed")
    server.client.versions.rollback(made.id, first)
    require_equal(server.client.workflows.get(made.id).name, made.name, "name")


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
    made = server.create_workflow()
    before = _numbers(server, made.id)
    version = server.client.versions.rollback(made.id, before[0]).version
    require(version not in before, f"the response is version {version!r}, which was there before")
