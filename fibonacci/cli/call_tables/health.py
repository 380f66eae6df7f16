# Derived from the typed client by tests/tools/calls.py; change fibonacci/_async, not this file.
"""The calls of `fibonacci health`."""

from __future__ import annotations

from typing import Final

from fibonacci.cli.calls.entries import CallEntry, CallGroup

GROUP: Final = CallGroup(
    "show the health of the platform",
    {
        "check": CallEntry("show the platform's health", "Show the platform's health.", "GET /health"),
        "secrets": CallEntry(
            "show the health of the store of secrets", "Show the health of the store of secrets.", "GET /health/secrets"
        ),
    },
)
