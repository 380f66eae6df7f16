# Derived from the typed client by tests/tools/calls.py; change fibonacci/_async, not this file.
"""The calls of `fibonacci executions`."""

from __future__ import annotations

from typing import Final

from fibonacci.cli.calls.entries import CallEntry, CallGroup, CallParameter

GROUP: Final = CallGroup(
    "follow, wait for and cancel the runs of workflows",
    {
        "list": CallEntry(
            "list executions, all or some of them",
            "List executions, all or some of them.",
            "GET /executions",
            (
                CallParameter("workflow_id", "workflow", "only those of the workflow"),
                CallParameter(
                    "status",
                    "word",
                    "only those in this state: pending, running, completed, failed, cancelled, pending_approval",
                    choices=("pending", "running", "completed", "failed", "cancelled", "pending_approval"),
                ),
                CallParameter("cursor", "text", "where to begin: the next_cursor of an earlier page"),
            ),
            is_list=True,
        ),
        "get": CallEntry(
            "show one execution",
            "Show one execution.",
            "GET /executions/{id}",
            (
                CallParameter(
                    "execution_id", "text", "the id of the execution, such as exec_abc123", is_positional=True
                ),
            ),
        ),
        "cancel": CallEntry(
            "cancel an execution",
            "Cancel an execution.",
            "POST /executions/{id}/cancel",
            (
                CallParameter(
                    "execution_id", "text", "the id of the execution, such as exec_abc123", is_positional=True
                ),
                CallParameter(
                    "if_ended",
                    "word",
                    "what to do if it has already ended: raise an error, or ignore that",
                    choices=("raise", "ignore"),
                ),
            ),
        ),
    },
)
