"""The emulators of the pytest fixtures, their options, and which of them the environment names."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.json_types import is_object
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade.clients import client_variables
from fibonacci.testing.emulator_environment import set_variables
from fibonacci.testing.failure_report import EmulatorObserver


def emulator_options(options: Mapping[str, Any], markers: Iterable[pytest.Mark]) -> dict[str, Any]:
    """Return the options of an emulator; where several set one, a marker goes before the fixture, the closest first.

    Args:
        options: The value of the fixture `fibonacci_emulator_options`.
        markers: The markers that apply, the closest first.
    """
    if not is_object(options):
        pytest.fail(
            f"fibonacci_emulator_options returns the options of Emulator as a dict, not {type(options).__name__}",
            pytrace=False,
        )
    merged = dict(options)
    _check_names(merged, "fibonacci_emulator_options")
    for marker in reversed(list(markers)):
        merged |= marker.kwargs
    return merged


def check_marker(marker: pytest.Mark) -> None:
    """Fail the test with a message unless a marker has options of the emulator, all by name.

    Args:
        marker: A marker `fibonacci`.
    """
    what = "@pytest.mark.fibonacci"
    if marker.args:
        pytest.fail(f'{what} takes options by name, such as plan="free", not {marker.args[0]!r}', pytrace=False)
    if not marker.kwargs:
        pytest.fail(
            f'{what} sets options of the emulator, such as plan="free"; for an emulator, use the fixture '
            "fibonacci_emulator",
            pytrace=False,
        )
    _check_names(marker.kwargs, what)


def _check_names(options: Iterable[object], what: str) -> None:
    known = list(inspect.signature(Emulator).parameters)
    for name in options:
        if name not in known:
            remedy = did_you_mean(str(name), known) or f"; the options are {', '.join(known)}"
            pytest.fail(f"{what}: Emulator has no option {name!r}{remedy}", pytrace=False)


@dataclass(frozen=True, slots=True, eq=False)
class RunningEmulator:
    """The emulator of a fixture.

    Attributes:
        fixture: The name of the fixture.
        emulator: The emulator.
        observer: What it has seen during the present test.
        markers: The markers that its options are from.
    """

    fixture: str
    emulator: Emulator
    observer: EmulatorObserver
    markers: Sequence[pytest.Mark]


class EmulatorFixtures:
    """The running emulators of a session of pytest.

    The environment variables name the one whose fixture the present test uses; of several, that of the narrowest scope.

    Args:
        fixtures: The names of the fixtures, the narrowest scope first.

    Attributes:
        running: The emulators.
    """

    def __init__(self, fixtures: Sequence[str]) -> None:
        self.running: Final[list[RunningEmulator]] = []
        self._fixtures = fixtures
        self._used: set[str] = set()
        self._named: RunningEmulator | None = None
        self._replaced: Mapping[str, str | None] = {}

    @contextmanager
    def run(self, fixture: str, options: Mapping[str, Any], markers: Sequence[pytest.Mark]) -> Generator[Emulator]:
        """Run an emulator for as long as its fixture exists.

        Args:
            fixture: The name of the fixture.
            options: The options of the emulator.
            markers: The markers that they are from.
        """
        with Emulator(**options) as emulator:
            observer = EmulatorObserver(fixture, emulator)
            running = RunningEmulator(fixture, emulator, observer, markers)
            self.running.append(running)
            self._used.add(fixture)
            self._name()
            try:
                yield emulator
            finally:
                self.running.remove(running)
                self._name()

    def begin_test(self, used: Collection[str]) -> None:
        """Begin a test.

        Args:
            used: The fixtures of emulators that it uses.
        """
        self._used = set(used)
        self._name()
        for running in self.running:
            running.observer.begin_test()

    def _name(self) -> None:
        """Set the variables, if another emulator is to be named than before; without any, restore them."""
        named = min(self.running, key=self._distance, default=None)
        if named is self._named:  # a fixture of the user's may have changed them since
            return
        if self._named is None:
            assert named is not None
            self._replaced = set_variables(client_variables(named.emulator))
        else:
            set_variables(self._replaced if named is None else client_variables(named.emulator))
        self._named = named

    def _distance(self, running: RunningEmulator) -> tuple[bool, int]:
        return running.fixture not in self._used, self._fixtures.index(running.fixture)
