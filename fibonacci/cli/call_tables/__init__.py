# Derived from the typed client by tests/tools/calls.py; change fibonacci/_async, not this file.
"""The groups of derived commands."""

from __future__ import annotations

from typing import Final

GROUPS: Final[dict[str, str]] = {
    "workflows": "create, read, change, delete and run workflows",
    "executions": "follow, wait for and cancel the runs of workflows",
    "versions": "read the version history of a workflow, and roll back",
    "registry": "approve workflows as templates, deprecate and archive them",
    "organizations": "read and change governance, quotas and tool policies of an organization",
    "memory": "store values under a key, for a workflow, a user, an organization, or everyone",
    "tools": "look up and connect tools",
    "health": "show the health of the platform",
}
"""The help of each group by its name; a start without one does not load `calls.json`."""
