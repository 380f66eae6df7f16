# Derived from the typed client by tests/calls.py; change fibonacci/_async, not this file.
"""The calls of `fibonacci workflows`."""

from __future__ import annotations

from typing import Final

from fibonacci.cli.calls.entries import CallEntry, CallGroup, CallParameter

GROUP: Final = CallGroup(
    "create, read, change, delete and run workflows",
    {
        "list": CallEntry(
            "list the workflows",
            "List the workflows.",
            "GET /workflows",
            (CallParameter("cursor", "text", "where to begin: the next_cursor of an earlier page"),),
            is_list=True,
        ),
        "get": CallEntry(
            "show one workflow",
            "Show one workflow.",
            "GET /workflows/{id}",
            (CallParameter("workflow_id", "text", "its id, such as wf-abc123", is_positional=True),),
        ),
        "create": CallEntry(
            "create a workflow",
            "Create a workflow.",
            "POST /workflows",
            (
                CallParameter("name", "text", "its name", is_required=True),
                CallParameter("description", "text", "what it is for", is_nullable=True),
                CallParameter("definition", "definition", "its nodes and outputs", is_nullable=True),
            ),
        ),
        "update": CallEntry(
            "change a workflow",
            "Change a workflow. This makes a new version of it.",
            "PUT /workflows/{id}",
            (
                CallParameter("workflow_id", "text", "its id", is_positional=True),
                CallParameter("name", "text", "its new name"),
                CallParameter("description", "text", "its new description; null empties it", is_nullable=True),
                CallParameter("definition", "definition", "its new definition", is_nullable=True),
            ),
        ),
        "delete": CallEntry(
            "delete a workflow",
            "Delete a workflow.",
            "DELETE /workflows/{id}",
            (CallParameter("workflow_id", "text", "its id", is_positional=True),),
        ),
        "execute": CallEntry(
            "start a workflow",
            "Start a workflow. A request that may have started it is never sent again.",
            "POST /workflows/{id}/execute",
            (
                CallParameter("workflow_id", "text", "the id of the workflow", is_positional=True),
                CallParameter(
                    "inputs", "object", "the values of the definition's {{input.field}} placeholders; any JSON"
                ),
                CallParameter(
                    "idempotency_key", "text", "the Idempotency-Key of the request: 1 to 255 visible ASCII characters"
                ),
            ),
        ),
    },
)
