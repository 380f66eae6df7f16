# Derived from the typed client by tests/tools/calls.py; change fibonacci/_async, not this file.
"""The calls of `fibonacci versions`."""

from __future__ import annotations

from typing import Final

from fibonacci.cli.calls.entries import CallEntry, CallGroup, CallParameter

GROUP: Final = CallGroup(
    "read the version history of a workflow, and roll back",
    {
        "list": CallEntry(
            "list the versions of a workflow, which any member may do",
            "List the versions of a workflow, which any member may do.",
            "GET /workflows/{id}/versions",
            (
                CallParameter("workflow_id", "workflow", "the workflow", is_positional=True),
                CallParameter("cursor", "text", "where to begin: the next_cursor of an earlier page"),
            ),
            is_list=True,
        ),
        "get": CallEntry(
            "show one version of a workflow",
            "Show one version of a workflow.",
            "GET /workflows/{id}/versions/{version}",
            (
                CallParameter("workflow_id", "workflow", "the workflow", is_positional=True),
                CallParameter(
                    "version",
                    "text",
                    "the number or name of the version, as fibonacci versions list has it",
                    is_positional=True,
                ),
            ),
        ),
        "rollback": CallEntry(
            "make an earlier version the current one",
            "Make an earlier version the current one.",
            "POST /workflows/{id}/versions/{version}/rollback",
            (
                CallParameter("workflow_id", "workflow", "the workflow", is_positional=True),
                CallParameter("version", "text", "the number or name of the version to go back to", is_positional=True),
            ),
        ),
    },
)
