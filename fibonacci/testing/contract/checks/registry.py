"""The workflow registry."""

from __future__ import annotations

from typing import Final

from fibonacci.testing.contract.check import Checks, agree, among, require
from fibonacci.testing.contract.checks.common import UNKNOWN, not_found
from fibonacci.testing.contract.server import Server

CHECKS: Final = Checks()


@CHECKS.choice("POST /workflow-registry/{id}/approve-template", changes=True)
def approved(server: Server) -> None:
    """Check that the status is then approved."""
    made = server.workflow()
    entry = server.client.registry.approve_template(made.id)
    agree((entry.workflow_id, entry.status), (made.id, "approved"), "workflow and status")


@CHECKS.choice("POST /workflow-registry/{id}/deprecate", changes=True)
def deprecated(server: Server) -> None:
    """Check that the status is then deprecated."""
    made = server.workflow()
    server.client.registry.approve_template(made.id)
    agree(server.client.registry.deprecate(made.id).status, "deprecated", "status")


@CHECKS.choice("POST /workflow-registry/{id}/archive", changes=True)
def archived(server: Server) -> None:
    """Check that the status is then archived."""
    made = server.workflow()
    server.client.registry.approve_template(made.id)
    agree(server.client.registry.archive(made.id).status, "archived", "status")


@CHECKS.choice("POST /workflow-registry/{id}/archive", changes=True)
def unknown(server: Server) -> None:
    """Check that an unknown workflow gets a 404."""
    not_found(lambda: server.client.registry.archive(UNKNOWN))


@CHECKS.documented("GET /workflow-registry", changes=True)
def listed(server: Server) -> None:
    """Check that an approved workflow is in the list."""
    made = server.workflow()
    server.client.registry.approve_template(made.id)
    among(made.id, [each.workflow_id for each in server.client.registry.list()], "the workflow")


@CHECKS.documented("GET /workflow-registry", changes=True)
def hidden(server: Server) -> None:
    """Check that an archived one is hidden, unless include_archived=true."""
    made = server.workflow()
    server.client.registry.approve_template(made.id)
    server.client.registry.archive(made.id)
    shown = [each.workflow_id for each in server.client.registry.list()]
    require(made.id not in shown, "an archived workflow is in the list")
    among(made.id, [each.workflow_id for each in server.client.registry.list(include_archived=True)], "the workflow")
