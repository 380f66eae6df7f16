"""The starts of a row in all calls: what the journal keeps of each, and what a result shows."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from fibonacci.models.run_results import RunAttempt


def attempt(execution_id: str | None, status: str, intended_at: float, version: str | None) -> RunAttempt:
    """Return a start of a row.

    Args:
        execution_id: The id of its execution; None or empty where none is known.
        status: What has become of it.
        intended_at: The Unix time of the intent, on the platform's clock.
        version: The version of the workflow that it ran; None where that is not known.
    """
    started_at = datetime.fromtimestamp(intended_at, UTC)
    return RunAttempt(execution_id=execution_id or None, status=status, started_at=started_at, version=version)


def attempts_text(attempts: tuple[RunAttempt, ...]) -> str | None:
    """Return starts as JSON; None for none."""
    if not attempts:
        return None
    return json.dumps(
        [[each.execution_id, each.status, each.started_at.timestamp(), each.version] for each in attempts]
    )


def attempts_in(text: str | None) -> tuple[RunAttempt, ...]:
    """Return the starts of which `attempts_text` made a text."""
    return () if text is None else tuple(attempt(*each) for each in json.loads(text))
