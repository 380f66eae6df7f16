"""Governance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fibonacci.testing.contract.calls import change_settings, new_policy
from fibonacci.testing.contract.check import Checks, require, require_equal, require_type
from fibonacci.testing.contract.checks.common import audit_entries, require_bare
from fibonacci.testing.contract.server import Server

BOOLEANS: Final = (
    "require_approval_for_external_comm",
    "require_approval_for_public_writes",
    "require_approval_for_permission_changes",
    "allow_self_approval",
)
SETTINGS: Final = (*BOOLEANS, "approval_threshold", "category_flags")

CHECKS: Final = Checks()


@CHECKS.documented("GET /organizations/{organization_id}/governance", "The settings are a bare object with six fields")
def _settings(server: Server) -> None:
    content = require_bare(server.raw("GET", server.path("governance")), *SETTINGS)
    for name in BOOLEANS:
        require_type(content[name], bool, name)
    require_type(content["approval_threshold"], int, "approval_threshold")
    require_type(content["category_flags"], dict, "category_flags")


@CHECKS.documented(
    "PATCH /organizations/{organization_id}/governance", "Fields in the body change; fields left out stay", changes=True
)
def _updated(server: Server) -> None:
    path = server.path("governance")
    settings = _given(server.raw("GET", path).json)
    server.add_cleanup(server.raw, "PATCH", path, json_body=settings)
    for name, value in _others(settings).items():
        changed = server.raw("PATCH", path, json_body={name: value})
        settings = {**settings, name: value}
        require_equal(_given(changed.json), settings, f"the response to changing {name}")
        require_equal(_given(server.raw("GET", path).json), settings, f"what is read after {name} was changed")


def _given(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings without those that are null, which a request cannot give."""
    return {name: content[name] for name in SETTINGS if content.get(name) is not None}


def _others(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return another value of each setting."""
    flags = settings.get("category_flags") or {"financial": False}
    return {
        "approval_threshold": settings.get("approval_threshold", 0) + 1,
        "category_flags": {name: not flag for name, flag in flags.items()},
        **{name: not settings.get(name, False) for name in BOOLEANS},
    }


@CHECKS.documented("GET /organizations/{organization_id}/governance/report", "The report is an object")
def _report(server: Server) -> None:
    require(server.client.organizations.governance.report(server.organization_id).model_dump(), "it is empty")


@CHECKS.documented(
    "GET /organizations/{organization_id}/governance/audit",
    "Each change of settings makes an entry in the audit log",
    changes=True,
)
def _audited(server: Server) -> None:
    quotas = server.client.organizations.quota
    before = audit_entries(server)
    change_settings(server)
    with_settings = audit_entries(server)
    require(with_settings > before, "changing the governance settings has made no entry")
    override = quotas.get(server.organization_id).overrides.get("memory_mb")
    server.add_cleanup(quotas.update, server.organization_id, memory_mb=override)
    quotas.update(server.organization_id, memory_mb=1 if override is None else int(override) - 1)
    with_quota = audit_entries(server)
    require(with_quota > with_settings, "changing the quota has made no entry")
    new_policy(server)
    require(audit_entries(server) > with_quota, "creating a tool policy has made no entry")


@CHECKS.documented(
    "GET /organizations/{organization_id}/governance/approvals", "The statistics of approvals are an object"
)
def _approvals(server: Server) -> None:
    require(server.client.organizations.governance.approvals(server.organization_id).model_dump(), "it is empty")
