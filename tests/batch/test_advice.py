"""What the exception that ends a batch says about another call: nothing that does not help."""

from __future__ import annotations

from pathlib import Path

import pytest

from fibonacci import (
    AuthenticationError,
    Fibonacci,
    QuotaExceededError,
    TooManyFailuresError,
    UnknownOutcomeError,
)
from fibonacci.emulator import Emulator
from tests.batch.workflows import named

EXECUTE = "POST /workflows/{workflow_id}/execute"
AGAIN = "make the same call again"
QUOTA = {"error": {"code": "quota_exceeded", "message": "The quota workflow_runs_per_hour is used up."}}
FIRST = "Fix the cause first"


def test_rows_of_unknown_outcome_with_a_journal(
    emulator: Emulator, client: Fibonacci, greeter: str, tmp_path: Path
) -> None:
    emulator.fail(EXECUTE, kind="status", status=502, times=1)
    with pytest.raises(UnknownOutcomeError, match='call again with if_unknown="rerun"') as caught:
        client.workflows.run_many(greeter, named("Ada", "Bob"), journal=tmp_path / "runs.db").results()
    assert AGAIN not in " ".join(caught.value.__notes__)


def test_rows_of_unknown_outcome_without_a_journal(emulator: Emulator, client: Fibonacci, greeter: str) -> None:
    emulator.fail(EXECUTE, kind="status", status=502, times=1)
    with pytest.raises(UnknownOutcomeError, match="run only the rows that were not started") as caught:
        client.workflows.run_many(greeter, named("Ada", "Bob")).results()
    assert "if_unknown" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "error", "comes_again"),
    [
        (401, None, AuthenticationError, True),
        (429, QUOTA, QuotaExceededError, False),
        (422, None, TooManyFailuresError, True),
    ],
)
def test_a_cause_that_stays_is_named_first(
    emulator: Emulator,
    client: Fibonacci,
    greeter: str,
    tmp_path: Path,
    status: int,
    body: object,
    error: type[Exception],
    comes_again: bool,
) -> None:
    emulator.fail(EXECUTE, kind="status", status=status, body=body, times=1)
    with pytest.raises(error) as caught:
        client.workflows.run_many(
            greeter, named("Ada", "Bob"), journal=tmp_path / "runs.db", max_failures=0, if_quota_exceeded="raise"
        ).results()
    (note,) = caught.value.__notes__
    assert AGAIN in note
    assert ("With retry_failed=True, it also starts" in note) == (error is TooManyFailuresError)
    assert (FIRST in note) == comes_again
