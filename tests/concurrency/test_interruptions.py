"""Some faults at some places, which a seed determines; the nightly step `interruptions` tries all of them."""

from __future__ import annotations

import itertools
import random
import sys
import time
from typing import Any

import pytest

from fibonacci._core.shared_limits import SharedLimits
from fibonacci._core.window import Admission
from fibonacci._sync.transports.loops import CapacityLimiter, CapacityShare
from tests.kit.systems import needs_signals
from tests.tools.interruptions.faults import FAULTS, KNOWN, attempt
from tests.tools.interruptions.scripts import SCRIPTS, subject

# About how many lines each script runs, and awaits and starts that there are at most.
_LINES = {"call": 980, "start": 1080, "wait": 1100, "list": 2100, "batch": 5000}
_FEW = {"cancellation": 3, "no thread": 2}

pytestmark = needs_signals


def test_nothing_is_lost_or_stays_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = random.Random(1)
    faults: list[str] = []
    with subject() as made:
        for fault, script in itertools.product(FAULTS, SCRIPTS):
            if f"{fault} in {script}" in KNOWN:
                continue
            number = drawn.randint(1, _FEW.get(fault, _LINES[script]))
            trial = attempt(made, script, fault, number)
            faults += [f"{fault} in {script}, {number}, {trial.place}: {text}" for text in trial.faults]
        assert faults == []
        # What is lost is noticed: an admission that nobody settles, and an execution whose id is in no journal.
        monkeypatch.setattr("tests.tools.interruptions.scripts._SETTLED_WITHIN", 0.0)
        made.renew("batch")
        made.batch()
        made.emulator.client().workflows.execute(made.batch_workflow)
        client: Any = made.client
        admission = Admission()  # which lives on
        client._requestor._shared.limits.acquire(admission, time.monotonic())
        in_use, in_use_still, journal = made.faults()
    assert in_use == in_use_still == "1 in flight and 0 queued"
    assert journal == "the journal lacks 1 of 4 ids that were received"


def test_what_is_raised_in_an_except_block_leaves_nothing_to_later_tests() -> None:
    places: list[str] = []
    with subject() as made:
        for number in range(1, _LINES["call"]):  # not in a generator, which would have what is left
            places.append(attempt(made, "call", "exception", number).place)
            if places[-1].endswith("_pop_reusable: return None"):
                break
        else:
            pytest.fail(f"no such line: {places}")
    assert sys.exc_info() == (None, None, None)


def test_a_place_is_free_when_the_call_that_had_it_is_gone() -> None:
    """However it ended: nothing has to be released."""
    limiter = CapacityLimiter(1)
    holder, waiting, next_one = CapacityShare(), CapacityShare(), CapacityShare()
    assert limiter.acquire_nowait(holder)
    assert not limiter.acquire(waiting, 0.0)
    assert not limiter.acquire(next_one, 0.0)
    del holder, waiting
    assert limiter.acquire(next_one, 0.0)
    assert limiter.in_use == 1


def test_an_admission_counts_as_long_as_it_lives() -> None:
    limits, admission = SharedLimits(), Admission()
    assert limits.acquire(admission, 0.0) is None
    assert limits.in_flight == 1
    del admission
    assert limits.in_flight == 0
