"""Some interleavings of each scenario, and faults that were put in, which they find."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from types import FunctionType
from typing import Any, NamedTuple, cast

import pytest

from tests.tools.interleavings.explorer import Found, explore, sample
from tests.tools.interleavings.scenarios import SCENARIOS
from tests.tools.interleavings.task_scenarios import TASK_SCENARIOS

SCENARIO_OF = {each.name: each for each in [*SCENARIOS, *TASK_SCENARIOS]}
SOME = 5  # each costs a hundred changes of thread, which a busy machine makes late


def test_no_interleaving_has_a_fault() -> None:
    """The nightly step `interleavings` tries all of them."""
    for scenario in SCENARIO_OF.values():
        sample(scenario, SOME, seed=1)


class SeededFault(NamedTuple):
    """A fault that is put into a function: text of it, and what replaces it."""

    scenario: str
    function: str
    old: str
    new: str


MUTANTS = [
    SeededFault(
        "capacity limiter",
        "_sync.transports.loops:CapacityLimiter._free_place",
        "if self._queue:\n            self._wake_next()",
        "pass",
    ),
    SeededFault(
        "connection pool",
        "_sync.transports.socket_transport:ConnectionPool._pop_reusable",
        "connection = self._idle.pop()\n",
        "connection = self._idle[-1]\n                self._idle = self._idle[:-1]\n",
    ),
    SeededFault(
        "close() of a transport",
        "_sync.transports.socket_transport:ConnectionPool._put_back",
        "if self._is_closed:\n                self.close_idle()\n            elif",
        "if",
    ),
    SeededFault("workers of a batch", "_sync.batch._workers:Workers.start", "self._idle > 0", "True"),
    SeededFault("news of a store thread", "_net.stored_limits:StoreThread._notify", "self._news.put(None)", "pass"),
    SeededFault(
        "begin of a store thread",
        "_net.stored_limits:StoreThread._run",
        "self._running.acquire(blocking=False)",
        "True",
    ),
    SeededFault("end of a store thread", "_net.stored_limits:StoreThread._run", "self._running.release()", "pass"),
    SeededFault("rate limiter", "_core.shared_limits:SharedLimits.settle", "self._admit_queued(now)", "pass"),
    SeededFault(
        "limits of a key",
        "_core.shared_limits:kept_limits",
        "limits = _shared.setdefault(name, make())",
        "limits = _shared[name] = make()",
    ),
    SeededFault("iterator of a list", "_system.concurrency:SingleReader.turn", "if self._turns:", "if None:"),
    SeededFault("close() of a client", "_sync.rate_limit_wait:RateLimitWait.close", "self._event.set()", "pass"),
    SeededFault(
        "tasks: capacity limiter",
        "_async.transports.loops:AsyncCapacityLimiter.release",
        "if share.turn is not None:\n            self._leave(weakref.ref(share))",
        "pass",
    ),
    SeededFault(
        "tasks: connection pool",
        "_async.transports.socket_transport:AsyncConnectionPool.send",
        "finally:\n            self._put_back(use)",
        "finally:\n            pass",
    ),
    SeededFault(
        "tasks: aclose() of a transport",
        "_async.transports.socket_transport:AsyncConnectionPool._put_back",
        "if self._is_closed:\n                self.close_idle()\n            elif",
        "if",
    ),
    SeededFault("tasks: iterator of a list", "_system.concurrency:SingleReader.turn", "if self._turns:", "if None:"),
    SeededFault(
        "tasks: workers of a batch",
        "_async.batch._workers:Workers.start",
        "task.add_done_callback(partial(_report, report))",
        "task.cancelled()",
    ),
    SeededFault(
        "tasks: rate limiter",
        "_core.shared_limits:SharedLimits.settle",
        "self._admitted.discard(admission)",
        "pass",
    ),
    SeededFault(
        "tasks: aclose() of a client", "_async.rate_limit_wait:AsyncRateLimitWait.close", "self._event.set()", "pass"
    ),
    SeededFault(
        "tasks: a run that is left",
        "_async._runtime:shielded",
        "attempts == _ATTEMPTS",
        "True",
    ),
]


HARD_TO_FIND = [
    SeededFault("workers of a batch", "_sync.batch._workers:Workers._run", "if self._idle > 0:", "if True:"),
    SeededFault("news of a store thread", "_net.stored_limits:StoreThread._run", "if self._news.empty():", "if True:"),
]
"""Faults that only hundreds of interleavings show."""


@contextmanager
def mutated(mutant: SeededFault) -> Generator[None]:
    """Change the code of a function while the block lasts."""
    module_name, _, path = mutant.function.partition(":")
    module = import_module(f"fibonacci.{module_name}")
    source = inspect.getsource(module)
    function = _at(vars(module), path)
    text = inspect.getsource(function)
    assert mutant.old in text, mutant
    changed = source.replace(text, text.replace(mutant.old, mutant.new))
    scope: dict[str, Any] = {**vars(module)}
    exec(compile(changed, str(module.__file__), "exec", dont_inherit=True), scope)
    before = function.__code__
    function.__code__ = _at(scope, path).__code__
    try:
        yield
    finally:
        function.__code__ = before


def _at(scope: dict[str, Any], path: str) -> FunctionType:
    name, _, rest = path.partition(".")
    return cast("FunctionType", vars(scope[name])[rest] if rest else scope[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    "mutant",
    # Those that are hard to find run each night: that each object has a fault that is found, the others show.
    [*MUTANTS, *(pytest.param(mutant, marks=pytest.mark.nightly) for mutant in HARD_TO_FIND)],
    ids=lambda mutant: mutant.scenario,
)
def test_a_fault_that_was_put_in_is_found(mutant: SeededFault) -> None:
    with mutated(mutant), pytest.raises(Found, match="--schedule"):
        explore(SCENARIO_OF[mutant.scenario])


def test_each_object_has_a_fault_that_is_found() -> None:
    assert {mutant.scenario for mutant in MUTANTS} == set(SCENARIO_OF)
