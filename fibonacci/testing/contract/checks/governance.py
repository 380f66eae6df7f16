"""Governance."""

from __future__ import annotations

from typing import Final

from fibonacci.testing.contract.check import Checks, agree, has_type, require
from fibonacci.testing.contract.checks.common import bare, refused
from fibonacci.testing.contract.server import Server

BOOLEANS: Final = (
    "require_approval_for_external_comm",
    "require_approval_for_public_writes",
    "require_approval_for_permission_changes",
    "allow_self_approval",
)
SETTINGS: Final = (*BOOLEANS, "approval_threshold", "category_flags")

CHECKS: Final = Checks()


@CHECKS.documented("GET /organizations/{org}/governance")
def settings(server: Server) -> None:
    """Check that the settings are a bare object with six fields."""
    content = bare(server.raw("GET", server.path("governance")), *SETTINGS)
    for name in BOOLEANS:
        has_type(content[name], bool, name)
    has_type(content["approval_threshold"], int, "approval_threshold")
    has_type(content["category_flags"], dict, "category_flags")


@CHECKS.documented("PATCH /organizations/{org}/governance", changes=True)
def updated(server: Server) -> None:
    """Check that what is given is changed; what is not given stays."""
    governance = server.client.organizations.governance
    before = governance.get(server.organization)
    threshold = before.approval_threshold or 0
    server.afterwards(governance.update, server.organization, approval_threshold=threshold)
    governance.update(server.organization, approval_threshold=threshold + 1)
    after = governance.get(server.organization)
    agree(after.approval_threshold, threshold + 1, "approval_threshold")
    rest = {"approval_threshold"}
    agree(after.model_dump(exclude=rest), before.model_dump(exclude=rest), "the rest")


@CHECKS.documented("PATCH /organizations/{org}/governance", changes=True)
def invalid(server: Server) -> None:
    """Check that a setting of a wrong type is refused with 422."""
    refused(server.raw("PATCH", server.path("governance"), json_body={"approval_threshold": "many"}), 422)


@CHECKS.documented("GET /organizations/{org}/governance/report")
def report(server: Server) -> None:
    """Check that the report is an object."""
    require(server.client.organizations.governance.report(server.organization).model_dump(), "it is empty")


@CHECKS.documented("GET /organizations/{org}/governance/audit")
def audit(server: Server) -> None:
    """Check that the audit log is paginated."""
    pages = iter(server.client.organizations.governance.audit(server.organization, limit=2).pages())
    page = next(pages)
    require(len(page) <= 2, f"a page has {len(page)} entries, not 2")


@CHECKS.documented("GET /organizations/{org}/governance/approvals")
def approvals(server: Server) -> None:
    """Check that the statistics of approvals are an object."""
    require(server.client.organizations.governance.approvals(server.organization).model_dump(), "it is empty")
