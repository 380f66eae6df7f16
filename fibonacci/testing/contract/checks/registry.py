"""The workflow registry."""

from __future__ import annotations

from typing import Final

from fibonacci.testing.contract.check import Checks, require, require_among, require_equal
from fibonacci.testing.contract.server import Server

CHECKS: Final = Checks()


@CHECKS.choice("POST /workflow-registry/{id}/approve-template", "The status is then approved", changes=True)
def _approved(server: Server) -> None:
    made = server.create_workflow()
    entry = server.client.registry.approve_template(made.id)
    require_equal((entry.workflow_id, entry.status), (made.id, "approved"), "workflow and status")


@CHECKS.choice("POST /workflow-registry/{id}/deprecate", "The status is then deprecated", changes=True)
def _deprecated(server: Server) -> None:
    made = server.create_workflow()
    server.client.registry.approve_template(made.id)
    require_equal(server.client.registry.deprecate(made.id).status, "deprecated", "status")


@CHECKS.choice("POST /workflow-registry/{id}/archive", "The status is then archived", changes=True)
def _archived(server: Server) -> None:
    made = server.create_workflow()
    server.client.registry.approve_template(made.id)
    require_equal(server.client.registry.archive(made.id).status, "archived", "status")


@CHECKS.documented("GET /workflow-registry", "An approved workflow is in the list", changes=True)
def _listed(server: Server) -> None:
    made = server.create_workflow()
    server.client.registry.approve_template(made.id)
    require_among(made.id, [each.workflow_id for each in server.client.registry.list()], "the workflow")


@CHECKS.documented("GET /workflow-registry", "An archived one is hidden, unless include_archived=true", changes=True)
def _hidden(server: Server) -> None:
    made = server.create_workflow()
    server.client.registry.approve_template(made.id)
    server.client.registry.archive(made.id)
    shown = [each.workflow_id for each in server.client.registry.list()]
    require(made.id not in shown, "an archived workflow is in the list")
    require_among(
        made.id, [each.workflow_id for each in server.client.registry.list(include_archived=True)], "the workflow"
    )
