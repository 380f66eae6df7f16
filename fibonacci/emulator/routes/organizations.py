"""What the routes of an organization share: its id and its audit log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.http.errors import not_found
from fibonacci.emulator.policy import governance

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def organization_of(context: RequestContext) -> str:
    """Return the organization that the path names; any plausible id is one, with the defaults of its plan.

    Raises:
        ApiError: 404 for an id that cannot be one.
    """
    organization = context.path["organization_id"]
    if not is_organization(organization):
        raise not_found("organization_id", "organization", organization)
    return organization


def is_organization(name: str) -> bool:
    """Tell whether an id can be that of an organization."""
    return _ID.fullmatch(name) is not None


def audit(
    context: RequestContext, action: str, target: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Write what a call changed into the audit log of the organization that the path names."""
    governance.audit(context.store, organization_of(context), context.actor, context.now, action, target, before, after)
