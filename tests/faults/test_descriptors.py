"""File descriptors run out: calls wait for one, or for a connection that is released, within their time."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults.calls import longest
from tests.faults.few_descriptors import CALLS, LIMIT
from tests.kit.assertions import check_rows
from tests.kit.certificates import Authority
from tests.kit.mode import MODES, ModeName
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok
from tests.kit.systems import needs_descriptor_limits

pytestmark = needs_descriptor_limits

ROOT = Path(__file__).parents[2]
MANY = LIMIT - 26  # some are the interpreter's own


def run(
    modes: Sequence[ModeName], what: str, server: ScriptedServer, other: ScriptedServer, ca_bundle: str = ""
) -> list[Any]:
    """Run the program, and return what it reports of each mode."""
    arguments = [",".join(modes), what, server.base_url, other.base_url, ca_bundle]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.few_descriptors", *arguments],
        capture_output=True,
        cwd=ROOT,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def other() -> Iterator[ScriptedServer]:
    """Return a second server."""
    with ScriptedServer(ok) as server:
        yield server


@pytest.mark.slow
def test_more_calls_at_once_than_descriptors(other: ScriptedServer, authority: Authority) -> None:
    def respond_late(peer: Peer) -> None:
        while server.live_connections < MANY and peer.pause(0.01):
            pass
        peer.pause(0.05)
        ok(peer)

    with ScriptedServer(respond_late, tls=authority.good()) as server:
        results = run(MODES, "many", server, other, str(authority.file))
    for result in results:
        assert result["outcomes"] == {"answered": CALLS}
        assert result["cpu"] < 1
    assert len(server.requests) == CALLS * len(MODES)
    assert MANY * len(MODES) <= server.connections < CALLS * len(MODES)


def test_all_descriptors_used_up_by_others(other: ScriptedServer) -> None:
    def check(result: Any) -> None:
        outcome, seconds = result["late"]
        assert outcome == f"APITimeoutError, errno {errno.EMFILE}, outcome unknown: False"
        assert 0.2 <= seconds < longest(0.2) + 0.5 + result["standstill"]
        outcome, seconds = result["waited"]
        assert outcome == "answered"
        assert 0.3 <= seconds < 2 + result["standstill"]
        assert result["cpu"] < 0.15  # of 0.3 s: attempts are made in intervals
        outcome, seconds = result["beside"]
        assert outcome == "answered"
        assert result["told"] == ["/late", "/x"]

    with ScriptedServer(ok) as server:
        results = run(MODES, "used up", server, other)
    check_rows(zip(MODES, results, strict=True), check)
    assert [len(server.requests), len(other.requests)] == [2 * len(MODES), 2 * len(MODES)]
