"""Executions: reading, listing, canceling, approval."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from fibonacci import ConflictError
from fibonacci.testing.contract.calls import running
from fibonacci.testing.contract.check import Checks, require, require_equal, require_type
from fibonacci.testing.contract.server import Server, Skipped

CHECKS: Final = Checks()


@CHECKS.documented("GET /executions/{id}", "An execution is read by its id, with its outputs", changes=True)
def _read(server: Server) -> None:
    ran = server.run_workflow()
    found = server.client.executions.get(ran.id)
    require_equal((found.id, found.status, found.outputs), (ran.id, ran.status, ran.outputs), "it")
    require_equal(
        (found.nodes_executed, found.nodes_failed), (ran.nodes_executed, ran.nodes_failed), "the numbers of nodes"
    )
    require_type(found.duration_ms, (int, float), "duration_ms")


@CHECKS.choice("GET /executions", "`workflow_id` lists the executions of one workflow", changes=True)
def _of_a_workflow(server: Server) -> None:
    ran = server.run_workflow()
    server.run_workflow()
    workflow_id = server.client.executions.get(ran.id).workflow_id
    found = [each.id for each in server.client.executions.list(workflow_id=workflow_id)]
    require_equal(found, [ran.id], "the list")


@CHECKS.choice("GET /executions", "`status` lists the executions of one status", changes=True)
def _with_a_status(server: Server) -> None:
    server.run_workflow()
    for status in ("completed", "failed"):
        for execution in next(iter(server.client.executions.list(status=status, page_size=20).pages())):
            require_equal(execution.status, status, "status")


@CHECKS.choice("POST /executions/{id}/cancel", "An execution that has ended stays as it is; 409 says so", changes=True)
def _cancel_ended(server: Server) -> None:
    ran = server.run_workflow()
    with suppress(ConflictError):
        server.client.executions.cancel(ran.id)
    require_equal(server.client.executions.get(ran.id).status, ran.status, "status")


@CHECKS.choice("POST /executions/{id}/cancel", "Canceling a running execution returns it as cancelled", changes=True)
def _cancel_running(server: Server) -> None:
    execution_id = running(server)
    canceled = server.raw("POST", f"/executions/{execution_id}/cancel").json["data"]
    require_equal((canceled["execution_id"], canceled["status"]), (execution_id, "cancelled"), "id and status")
    after = server.raw("GET", f"/executions/{execution_id}").json["data"]
    for name in ("status", "workflow_id", "outputs", "duration_ms", "nodes_executed", "nodes_failed"):
        require_equal(canceled.get(name), after[name], f"{name} in the response to canceling")


@CHECKS.documented(
    "POST /workflows/{id}/execute", "A workflow that the governance flags hold for approval does not run", changes=True
)
def _held(server: Server) -> None:
    _require_held(server, "http_request")


@CHECKS.documented(
    "POST /workflows/{id}/execute", "Approval flags see the dotted spelling of a tool, http.request", changes=True
)
def _held_in_either_spelling(server: Server) -> None:
    _require_held(server, "http.request")


def _require_held(server: Server, tool: str) -> None:
    if "http_request" not in [each.name for each in server.client.tools.list()]:
        raise Skipped("there is no tool that communicates and does no harm")
    governance = server.client.organizations.governance
    flag = governance.get(server.organization_id).require_approval_for_external_comm or False
    server.add_cleanup(governance.update, server.organization_id, require_approval_for_external_comm=flag)
    governance.update(server.organization_id, require_approval_for_external_comm=True)
    params = {"url": "https://contract-suite.invalid/", "method": "GET"}
    node = {"id": "ask", "type": "tool", "tool": tool, "params": params}
    execution = server.client.workflows.execute(server.create_workflow(definition={"nodes": [node]}).id)
    require(not execution.is_terminal, f"it has run: its status is {execution.status}")
    server.add_cleanup(server.client.executions.cancel, execution.id)
    require(not execution.outputs, f"it has run: its outputs are {execution.outputs}")
    require_equal(execution.nodes_executed or 0, 0, "nodes_executed")
