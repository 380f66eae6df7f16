# Derived from the typed client by tests/tools/calls.py; change fibonacci/_async, not this file.
"""The calls of `fibonacci registry`."""

from __future__ import annotations

from typing import Final

from fibonacci.cli.calls.entries import CallEntry, CallGroup, CallParameter

GROUP: Final = CallGroup(
    "approve workflows as templates, deprecate and archive them",
    {
        "list": CallEntry(
            "list the entries of the registry",
            "List the entries of the registry.",
            "GET /workflow-registry",
            (
                CallParameter(
                    "include_archived",
                    "boolean",
                    "whether to list archived entries too; the platform leaves them out by default",
                ),
                CallParameter("cursor", "text", "where to begin: the next_cursor of an earlier page"),
            ),
            is_list=True,
        ),
        "approve-template": CallEntry(
            "approve a workflow as a template",
            "Approve a workflow as a template.",
            "POST /workflow-registry/{id}/approve-template",
            (CallParameter("workflow_id", "workflow", "the workflow", is_positional=True),),
        ),
        "deprecate": CallEntry(
            "mark a template as deprecated",
            "Mark a template as deprecated.",
            "POST /workflow-registry/{id}/deprecate",
            (CallParameter("workflow_id", "workflow", "the workflow", is_positional=True),),
        ),
        "archive": CallEntry(
            "archive a template: lists leave it out by default",
            "Archive a template: lists leave it out by default.",
            "POST /workflow-registry/{id}/archive",
            (CallParameter("workflow_id", "workflow", "the workflow", is_positional=True),),
        ),
    },
)
