"""The workflow registry."""

from __future__ import annotations

from typing import Final

from fibonacci.testing.contract.check import Checks, require, require_among, require_equal
from fibonacci.testing.contract.checks.common import audit_entries, items_of, require_refusal
from fibonacci.testing.contract.server import Server

_ILLEGAL: Final = {
    "approve-template": (
        ("approve-template",),
        ("approve-template", "deprecate"),
        ("approve-template", "archive"),
        ("approve-template", "deprecate", "archive"),
    ),
    "deprecate": ((), ("approve-template", "deprecate"), ("approve-template", "archive")),
    "archive": ((), ("approve-template", "archive"), ("approve-template", "deprecate", "archive")),
}
"""The actions, and those after which each of them is refused."""

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


@CHECKS.choice("GET /workflow-registry", "include_archived=1 and =True are as true, or refused with 422", changes=True)
def _other_booleans(server: Server) -> None:
    made = server.create_workflow()
    server.client.registry.approve_template(made.id)
    server.client.registry.archive(made.id)
    for text in ("1", "True"):
        response = server.raw("GET", "/workflow-registry", query={"include_archived": text, "limit": 100})
        if response.status == 422:
            require_refusal(response, 422)
        else:
            found = [each["workflow_id"] for each in items_of(response)]
            require_among(made.id, found, f"the archived workflow with include_archived={text}")


@CHECKS.choice(
    "POST /workflow-registry/{id}/approve-template", "A workflow is approved once; anything else is a 409", changes=True
)
def _approved_once(server: Server) -> None:
    _require_conflicts(server, "approve-template")


@CHECKS.choice(
    "POST /workflow-registry/{id}/deprecate",
    "Only an approved one is deprecated; anything else is a 409",
    changes=True,
)
def _deprecated_once(server: Server) -> None:
    _require_conflicts(server, "deprecate")


@CHECKS.choice(
    "POST /workflow-registry/{id}/archive",
    "An approved or deprecated workflow is archived, which is final; anything else is a 409",
    changes=True,
)
def _archived_for_good(server: Server) -> None:
    _require_conflicts(server, "archive")


def _require_conflicts(server: Server, action: str) -> None:
    """Check that an action is refused after others, and that the entry stays as it was."""
    for earlier in _ILLEGAL[action]:
        path = f"/workflow-registry/{server.create_workflow().id}"
        for each in earlier:
            require_equal(server.raw("POST", f"{path}/{each}").status, 200, f"the status of {each}")
        before = _entry(server, path)
        require_refusal(server.raw("POST", f"{path}/{action}"), 409)
        require_equal(_entry(server, path), before, f"the entry after a refused {action}")


def _entry(server: Server, path: str) -> str | None:
    """Return the status of a workflow in the registry; None if it is not there."""
    entries = server.client.registry.list(include_archived=True)
    return next((each.status for each in entries if path.endswith(f"/{each.workflow_id}")), None)


@CHECKS.choice(
    "GET /organizations/{organization_id}/governance/audit",
    "Each transition of the registry makes an entry",
    changes=True,
)
def _audited(server: Server) -> None:
    made = server.create_workflow()
    for action in ("approve-template", "deprecate", "archive"):
        before = audit_entries(server)
        require_equal(server.raw("POST", f"/workflow-registry/{made.id}/{action}").status, 200, "the status")
        require(audit_entries(server) > before, f"{action} has made no entry")
