"""An outage of the platform is seen: in the run, its summary, its journal, its log."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fibonacci import RunsBlocker, ServerError
from tests.batch.limited_platform import EXECUTE, LimitedPlatform, platform
from tests.cli.invocation import invoke
from tests.kit.mode import Mode, both_modes

LIST, READ = "GET /executions", "GET /executions/{execution_id}"


class Seen(NamedTuple):
    """What can be seen of a run at a time."""

    at: float
    blocked_by: RunsBlocker | None
    summary: str
    status: dict[str, Any]
    line: str


def watched(
    here: LimitedPlatform, runs: Any, journal: Path, monkeypatch: pytest.MonkeyPatch, outage: tuple[float, float]
) -> list[Seen]:
    """Return a list that gets what can be seen of a run whenever it sleeps, with an outage between two times."""
    began, sleep, seen = here.clock.time(), here.clock.sleep, list[Seen]()
    begin, end = outage
    routes = [EXECUTE, LIST, READ, "GET /workflows/{workflow_id}"]

    def look(seconds: float) -> None:
        at = here.clock.time() - began
        if at >= begin and routes:
            here.emulator.fail(routes.pop(), status=503, times=None)
            while routes:
                here.emulator.fail(routes.pop(), status=500, times=None)
        if at >= end:
            here.emulator.failures.clear()
        if journal.exists():
            (status,) = invoke("journal", "status", str(journal)).lines
            line = invoke("journal", "status", str(journal), "--no-color", on_terminal=True).out
            seen.append(Seen(at, runs.blocked_by, str(runs.summary), status, line))
        sleep(seconds)

    monkeypatch.setattr(here.clock, "sleep", look)
    return seen


@both_modes
def test_an_outage_is_seen(
    mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="fibonacci")
    here = platform(mode, time="manual")
    here.client = here.client_with(max_retries=0)
    path = tmp_path / "runs.db"
    runs = here.runs([20.0] * 20, concurrency=4, journal=path, if_unknown="rerun")
    seen = watched(here, runs, path, monkeypatch, (30.0, 115.0))
    results = here.run(runs)
    assert Counter(result.status for result in results) == {"completed": 20}
    blocked = [each for each in seen if each.blocked_by is not None]
    assert 30 < blocked[0].at < 45
    assert 110 < blocked[-1].at < 135
    for each in blocked:
        blocker = each.blocked_by
        assert blocker is not None
        assert "status 50" in blocker.reason
        assert each.summary.endswith(f", blocked by: {blocker}")
        assert each.status["blocked_by"] == blocker.to_dict()
        assert (each.status["rows_per_minute"], each.status["seconds_left"]) == (None, None)
        assert "blocked      since " in each.line
        assert "rate" not in each.line
        assert "left" not in each.line
    assert len({each.blocked_by.since for each in blocked if each.blocked_by is not None}) == 1
    after = [each for each in seen if each.at > blocked[-1].at]
    assert {each.status["blocked_by"] for each in after} == {None}
    assert after[-1].status["rows_per_minute"] is not None
    assert runs.blocked_by is None
    begin, end = caplog.messages
    assert begin.startswith(f"workflow {here.workflow}: ")
    assert "next try 20" in begin
    assert "the platform is back after " in end


@both_modes
def test_looks_that_fail_for_a_quarter_of_an_hour_end_the_run_and_the_next_call_goes_on(
    mode: Mode, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="fibonacci")
    here = platform(mode, time="manual")
    here.client = here.client_with(max_retries=0)
    for route in (LIST, READ):
        here.emulator.fail(route, status=500, times=None)
    began = here.clock.time()
    options: dict[str, Any] = {"concurrency": 3, "timeout": None, "journal": tmp_path / "runs.db"}
    runs = here.runs([60.0] * 3, **options)
    with pytest.raises(ServerError) as caught:
        here.run(runs)
    assert 900 < here.clock.time() - began < 930
    assert "executions cannot be read" in caught.value.__notes__[0]
    assert len(caplog.messages) == 1
    here.emulator.failures.clear()
    assert Counter(result.status for result in here.run(here.runs([60.0] * 3, **options))) == {"completed": 3}
    assert here.count(EXECUTE) == 3
