"""The organization that a path names, and changes to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.http.errors import not_found
from fibonacci.emulator.policy.audit_log import Change, record_change

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_organization_id(text: str) -> bool:
    """Return whether a text is a valid id of an organization."""
    return _ID.fullmatch(text) is not None


def organization_of(context: RequestContext) -> str:
    """Return the organization that the path names. Every valid id is one, with the defaults of the plan.

    The key belongs to the emulator's own organization only: another one is a warning.

    Raises:
        HTTPException: 404 if the id is not valid; in strict mode also if it is of another organization.
    """
    organization = context.path["organization_id"]
    if not is_organization_id(organization):
        raise not_found("organization_id", "organization", organization)
    if organization != context.organization:
        message = f"the key belongs to {context.organization!r}; settings of another organization apply to no run"
        warning = EmulatorWarning(
            code="foreign_organization", location=f"organizations/{organization}", message=message
        )
        context.environment.warnings.report(
            [warning], lambda _: not_found("organization_id", "organization", organization)
        )
    return organization


def audit(
    context: RequestContext, action: str, target: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Record the caller's change in the audit log of the organization that the path names."""
    change = Change(context.actor, action, target, before, after)
    record_change(context.store, organization_of(context), change, context.now)
