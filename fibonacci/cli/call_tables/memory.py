# Derived from the typed client by tests/tools/calls.py; change fibonacci/_async, not this file.
"""The calls of `fibonacci memory`."""

from __future__ import annotations

from typing import Final

from fibonacci.cli.calls.entries import CallEntry, CallGroup, CallParameter

GROUP: Final = CallGroup(
    "store values under a key, for a workflow, a user, an organization, or everyone",
    {
        "get": CallEntry(
            "show the value under a key",
            "Show the value under a key.",
            "GET /memory/{key}",
            (
                CallParameter("key", "text", "the key: any text, such as user/prefs", is_positional=True),
                CallParameter(
                    "scope",
                    "word",
                    "who shares the value: workflow (the platform's default), user, organization or global",
                    choices=("workflow", "user", "organization", "global"),
                ),
                CallParameter("user_id", "text", "the id of the user, in the scope user"),
                CallParameter("workflow_id", "workflow", "the workflow, in the scope workflow"),
            ),
        ),
        "delete": CallEntry(
            "delete the value under a key",
            "Delete the value under a key.",
            "DELETE /memory/{key}",
            (
                CallParameter("key", "text", "the key: any text, such as user/prefs", is_positional=True),
                CallParameter(
                    "scope",
                    "word",
                    "who shares the value: workflow (the platform's default), user, organization or global",
                    choices=("workflow", "user", "organization", "global"),
                ),
                CallParameter("user_id", "text", "the id of the user, in the scope user"),
                CallParameter("workflow_id", "workflow", "the workflow, in the scope workflow"),
            ),
        ),
        "set": CallEntry(
            "store a value under a key, in place of an earlier one",
            "Store a value under a key, in place of an earlier one.",
            "PUT /memory/{key}",
            (
                CallParameter("key", "text", "the key: any text, such as user/prefs", is_positional=True),
                CallParameter("value", "json", "any JSON", is_positional=True),
                CallParameter(
                    "scope",
                    "word",
                    "who shares the value: workflow (the platform's default), user, organization or global",
                    is_nullable=True,
                    choices=("workflow", "user", "organization", "global"),
                ),
                CallParameter("user_id", "text", "the id of the user, in the scope user", is_nullable=True),
                CallParameter("workflow_id", "workflow", "the workflow, in the scope workflow", is_nullable=True),
                CallParameter("ttl", "seconds", "whole seconds to keep it", is_nullable=True),
            ),
        ),
    },
)
