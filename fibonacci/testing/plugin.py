"""The pytest plugin. pytest loads it by the package's entry point, so it needs no import and no registration.

It imports nothing but pytest, so that it costs nothing in a test session that uses none of its fixtures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from fibonacci import AsyncFibonacci, Fibonacci
    from fibonacci.emulator import Emulator
    from fibonacci.testing.failure_report import EmulatorObserver

_MARKER: Final = "fibonacci"


class _InUse(NamedTuple):
    """An emulator of a fixture, and the markers that its options are from."""

    observer: EmulatorObserver
    markers: Sequence[pytest.Mark]


_IN_USE: Final = pytest.StashKey[list[_InUse]]()


@pytest.fixture(scope="session")
def fibonacci_emulator_options() -> Mapping[str, Any]:
    """Provide the options of the emulators; override it to return others, such as `{"plan": "free"}`.

    A fixture of a wider scope than the test's needs its options in that scope too.
    """
    return {}


@pytest.fixture
def fibonacci_emulator(
    request: pytest.FixtureRequest, fibonacci_emulator_options: Mapping[str, Any]
) -> Iterator[Emulator]:
    """Provide an emulator for this test alone, which listens on a loopback socket.

    Its options are those of `fibonacci_emulator_options` and of `@pytest.mark.fibonacci(plan="free", ...)`. Until the
    test ends, the environment variables name it: a client that the code under test creates with `Fibonacci()` connects
    to it.
    """
    yield from _emulator(request, fibonacci_emulator_options)


@pytest.fixture(scope="class")
def class_fibonacci_emulator(
    request: pytest.FixtureRequest, fibonacci_emulator_options: Mapping[str, Any]
) -> Iterator[Emulator]:
    """Provide an emulator for the tests of a class; see `fibonacci_emulator`."""
    yield from _emulator(request, fibonacci_emulator_options)


@pytest.fixture(scope="module")
def module_fibonacci_emulator(
    request: pytest.FixtureRequest, fibonacci_emulator_options: Mapping[str, Any]
) -> Iterator[Emulator]:
    """Provide an emulator for the tests of a module; see `fibonacci_emulator`."""
    yield from _emulator(request, fibonacci_emulator_options)


@pytest.fixture(scope="package")
def package_fibonacci_emulator(
    request: pytest.FixtureRequest, fibonacci_emulator_options: Mapping[str, Any]
) -> Iterator[Emulator]:
    """Provide an emulator for the tests of a package; see `fibonacci_emulator`."""
    yield from _emulator(request, fibonacci_emulator_options)


@pytest.fixture(scope="session")
def session_fibonacci_emulator(
    request: pytest.FixtureRequest, fibonacci_emulator_options: Mapping[str, Any]
) -> Iterator[Emulator]:
    """Provide an emulator for the session, or for each worker of pytest-xdist; see `fibonacci_emulator`."""
    yield from _emulator(request, fibonacci_emulator_options)


@pytest.fixture
def fibonacci_client(fibonacci_emulator: Emulator) -> Fibonacci:
    """Provide an in-process client of `fibonacci_emulator`. It holds nothing that has to be closed."""
    return fibonacci_emulator.client()


@pytest.fixture
def async_fibonacci_client(fibonacci_emulator: Emulator) -> AsyncFibonacci:
    """Provide an in-process async client of `fibonacci_emulator`, for any event loop. It needs no closing."""
    return fibonacci_emulator.async_client()


_EMULATORS: Final = frozenset(
    f"{scope}fibonacci_emulator" for scope in ("", "class_", "module_", "package_", "session_")
)


def _emulator(request: pytest.FixtureRequest, options: Mapping[str, Any]) -> Iterator[Emulator]:
    """Yield an emulator that the environment names, with the options of the markers that its scope has."""
    from fibonacci.emulator import Emulator
    from fibonacci.testing.emulator_environment import in_environment
    from fibonacci.testing.emulator_options import emulator_options
    from fibonacci.testing.failure_report import EmulatorObserver

    markers = list(request.node.iter_markers(_MARKER))
    chosen = emulator_options(options, markers)
    with in_environment(Emulator(**chosen)) as emulator:
        name = str(request.fixturename)
        in_use = _InUse(EmulatorObserver(name, emulator, chosen.get("secrets") or {}), markers)
        emulators = _in_use(request.config)
        emulators.append(in_use)
        try:
            yield emulator
        finally:
            emulators.remove(in_use)


def _in_use(config: pytest.Config) -> list[_InUse]:
    return config.stash.setdefault(_IN_USE, [])


def _fixtures_of(item: pytest.Item) -> list[str]:
    """Return the names of the emulators that a test uses."""
    names: Iterable[str] = getattr(item, "fixturenames", ())
    return [name for name in names if name in _EMULATORS]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(**options): options of the emulator, such as plan, time and strict, for the fixture "
        "fibonacci_emulator, or for that of the marked class, module or package; the closest marker decides.",
    )


@pytest.hookimpl(wrapper=True, trylast=True)  # inside of the wrappers of pytest's own plugins, which may not be skipped
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Check the markers of the test, and that each has an effect; begin to observe what is in use already."""
    markers = list(item.iter_markers(_MARKER))
    if markers:
        from fibonacci.testing.emulator_options import check_marker

        for marker in markers:
            check_marker(marker)
    for in_use in _in_use(item.config):
        in_use.observer.begin_test()
    yield
    applied = [marker for in_use in _in_use(item.config) for marker in in_use.markers]
    if _fixtures_of(item) and not all(marker in applied for marker in markers):
        pytest.fail(
            f"a marker {_MARKER} of {item.name} changes no emulator: {', '.join(_fixtures_of(item))} is for more tests "
            "than are marked. Use fibonacci_emulator, or set the options with fibonacci_emulator_options.",
            pytrace=False,
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failure what the emulators saw during the test."""
    report = yield
    if report.failed:
        used = _fixtures_of(item)
        for observer, _ in _in_use(item.config):
            if observer.requests or observer.name in used:
                report.sections.append(("Fibonacci emulator", observer.describe()))
    return report
