"""What workflows can reach, and what they ask for that is not known or done."""

from __future__ import annotations

from dataclasses import asdict

from fibonacci.emulator.app.control.parts import Parts
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.http.replies import Reply


def list_models(parts: Parts, context: RequestContext) -> Reply:
    """GET /models."""
    return Reply([{"name": name} for name in context.environment.models])


def list_warnings(parts: Parts, context: RequestContext) -> Reply:
    """GET /warnings: each once, the oldest first."""
    return Reply([asdict(warning) for warning in context.environment.warnings.all()])
