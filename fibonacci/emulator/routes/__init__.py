"""Routes: the handlers of all endpoints, one file per resource, each with the table of its endpoints.

A handler takes the request context and returns a reply. Handlers import the wings before this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fibonacci.emulator.context import Endpoint
from fibonacci.emulator.routes import executions, health, memory, organizations, tools, workflows

ENDPOINTS: Final[Sequence[Endpoint]] = (
    *workflows.ENDPOINTS,
    *executions.ENDPOINTS,
    *organizations.ENDPOINTS,
    *memory.ENDPOINTS,
    *tools.ENDPOINTS,
    *health.ENDPOINTS,
)
"""All endpoints below `/v1`."""
