"""Governance."""

from __future__ import annotations

from typing import Final

from fibonacci.testing.contract.check import Checks, require, require_equal, require_type
from fibonacci.testing.contract.checks.common import require_bare, require_refusal
from fibonacci.testing.contract.server import Server

BOOLEANS: Final = (
    "require_approval_for_external_comm",
    "require_approval_for_public_writes",
    "require_approval_for_permission_changes",
    "allow_self_approval",
)
SETTINGS: Final = (*BOOLEANS, "approval_threshold", "category_flags")

CHECKS: Final = Checks()


@CHECKS.documented("GET /organizations/{org}/governance", "The settings are a bare object with six fields")
def _settings(server: Server) -> None:
    content = require_bare(server.raw("GET", server.path("governance")), *SETTINGS)
    for name in BOOLEANS:
        require_type(content[name], bool, name)
    require_type(content["approval_threshold"], int, "approval_threshold")
    require_type(content["category_flags"], dict, "category_flags")


@CHECKS.documented(
    "PATCH /organizations/{org}/governance", "Fields in the body change; fields left out stay", changes=True
)
def _updated(server: Server) -> None:
    governance = server.client.organizations.governance
    before = governance.get(server.organization)
    threshold = before.approval_threshold or 0
    server.add_cleanup(governance.update, server.organization, approval_threshold=threshold)
    governance.update(server.organization, approval_threshold=threshold + 1)
    after = governance.get(server.organization)
    require_equal(after.approval_threshold, threshold + 1, "approval_threshold")
    rest = {"approval_threshold"}
    require_equal(after.model_dump(exclude=rest), before.model_dump(exclude=rest), "the rest")


@CHECKS.documented(
    "PATCH /organizations/{org}/governance", "A setting of a wrong type is refused with 422", changes=True
)
def _invalid(server: Server) -> None:
    require_refusal(server.raw("PATCH", server.path("governance"), json_body={"approval_threshold": "many"}), 422)


@CHECKS.documented("GET /organizations/{org}/governance/report", "The report is an object")
def _report(server: Server) -> None:
    require(server.client.organizations.governance.report(server.organization).model_dump(), "it is empty")


@CHECKS.documented("GET /organizations/{org}/governance/audit", "The audit log is paginated")
def _audit(server: Server) -> None:
    pages = iter(server.client.organizations.governance.audit(server.organization, limit=2).pages())
    page = next(pages)
    require(len(page) <= 2, f"a page has {len(page)} entries, not 2")


@CHECKS.documented("GET /organizations/{org}/governance/approvals", "The statistics of approvals are an object")
def _approvals(server: Server) -> None:
    require(server.client.organizations.governance.approvals(server.organization).model_dump(), "it is empty")
