"""Versions."""

from __future__ import annotations

from typing import Final

from fibonacci.testing.contract.check import Checks, agree, require
from fibonacci.testing.contract.checks.common import UNKNOWN, not_found
from fibonacci.testing.contract.server import Server

CHECKS: Final = Checks()


def _numbers(server: Server, workflow_id: str) -> list[int | str]:
    return [each.version for each in server.client.versions.list(workflow_id)]


@CHECKS.documented("GET /workflows/{id}/versions", changes=True)
def snapshots(server: Server) -> None:
    """Check that every deployment makes a snapshot."""
    made = server.workflow()
    before = _numbers(server, made.id)
    server.client.workflows.update(made.id, name="Changed")
    after = _numbers(server, made.id)
    agree((len(before), len(set(after))), (1, 2), "the number of versions before and after a change")


@CHECKS.documented("GET /workflows/{id}/versions/{version}", changes=True)
def read(server: Server) -> None:
    """Check that a version is read as the workflow was then."""
    made = server.workflow()
    first = _numbers(server, made.id)[0]
    server.client.workflows.update(made.id, name="Changed")
    agree(server.client.versions.get(made.id, first).name, made.name, "name")


@CHECKS.choice("GET /workflows/{id}/versions/{version}", changes=True)
def unknown(server: Server) -> None:
    """Check that an unknown version gets a 404."""
    made = server.workflow()
    not_found(lambda: server.client.versions.get(made.id, 4_000_000))


@CHECKS.choice("GET /workflows/{id}/versions")
def of_unknown(server: Server) -> None:
    """Check that the versions of an unknown workflow get a 404."""
    not_found(lambda: list(server.client.versions.list(UNKNOWN)))


@CHECKS.documented("POST /workflows/{id}/versions/{version}/rollback", changes=True)
def rolled_back(server: Server) -> None:
    """Check that rolling back brings an earlier version back."""
    made = server.workflow()
    first = _numbers(server, made.id)[0]
    server.client.workflows.update(made.id, name="Changed")
    server.client.versions.rollback(made.id, first)
    agree(server.client.workflows.get(made.id).name, made.name, "name")


@CHECKS.documented("POST /workflows/{id}/versions/{version}/rollback", changes=True)
def history(server: Server) -> None:
    """Check that it makes a new version and keeps the history."""
    made = server.workflow()
    server.client.workflows.update(made.id, name="Changed")
    before = _numbers(server, made.id)
    server.client.versions.rollback(made.id, before[-1])
    after = _numbers(server, made.id)
    require(set(before) < set(after), f"the versions were {before} and are {after}")


@CHECKS.choice("POST /workflows/{id}/versions/{version}/rollback", changes=True)
def response(server: Server) -> None:
    """Check that the response is the new version."""
    made = server.workflow()
    before = _numbers(server, made.id)
    version = server.client.versions.rollback(made.id, before[0]).version
    require(version not in before, f"the response is version {version!r}, which was there before")
