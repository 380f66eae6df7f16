# Derived from the typed client by tests/tools/calls.py; change fibonacci/_async, not this file.
"""The calls of `fibonacci workflows`."""

from __future__ import annotations

from typing import Final

from fibonacci.cli.calls.entries import CallEntry, CallGroup, CallParameter

GROUP: Final = CallGroup(
    "create, read, change, delete and run workflows",
    {
        "list": CallEntry(
            "list the workflows that the key may see",
            "List the workflows that the key may see.",
            "GET /workflows",
            (CallParameter("cursor", "text", "where to begin: the next_cursor of an earlier page"),),
            is_list=True,
        ),
        "get": CallEntry(
            "show one workflow",
            "Show one workflow.",
            "GET /workflows/{id}",
            (CallParameter("workflow_id", "workflow", "the workflow", is_positional=True),),
        ),
        "create": CallEntry(
            "create a workflow",
            "Create a workflow.",
            "POST /workflows",
            (
                CallParameter("name", "text", "the name that people see", is_required=True),
                CallParameter("description", "text", "what the workflow is for", is_nullable=True),
                CallParameter(
                    "definition",
                    "definition",
                    "the nodes and outputs, as JSON or as a fibonacci.definitions.WorkflowDefinition",
                    is_nullable=True,
                ),
            ),
        ),
        "update": CallEntry(
            "change the given fields of a workflow, which makes a new version",
            "Change the given fields of a workflow, which makes a new version.",
            "PUT /workflows/{id}",
            (
                CallParameter("workflow_id", "workflow", "the workflow", is_positional=True),
                CallParameter("name", "text", "the new name"),
                CallParameter("description", "text", "the new description; null empties it", is_nullable=True),
                CallParameter(
                    "definition",
                    "definition",
                    "the new definition, as JSON or as a fibonacci.definitions.WorkflowDefinition",
                    is_nullable=True,
                ),
            ),
        ),
        "delete": CallEntry(
            "delete a workflow",
            "Delete a workflow.",
            "DELETE /workflows/{id}",
            (CallParameter("workflow_id", "workflow", "the workflow", is_positional=True),),
        ),
        "execute": CallEntry(
            "start a workflow, at most once",
            "Start a workflow, at most once.",
            "POST /workflows/{id}/execute",
            (
                CallParameter("workflow_id", "workflow", "the workflow", is_positional=True),
                CallParameter(
                    "inputs",
                    "object",
                    "the values of the definition's {{input.field}} placeholders, by field; any JSON",
                ),
                CallParameter(
                    "idempotency_key", "text", "the Idempotency-Key of the request: 1 to 255 visible ASCII characters"
                ),
            ),
        ),
    },
)
