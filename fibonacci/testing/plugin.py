"""The pytest plugin. pytest loads it by the package's entry point, so it needs no import and no registration.

It imports nothing but pytest, so that it costs nothing in a test session that uses none of its fixtures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from fibonacci import AsyncFibonacci, Fibonacci
    from fibonacci.emulator import Emulator
    from fibonacci.testing.emulator_fixtures import EmulatorFixtures

_MARKER: Final = "fibonacci"


_FIXTURES: Final = tuple(f"{scope}fibonacci_emulator" for scope in ("", "class_", "module_", "package_", "session_"))
"""The fixtures of emulators, the narrowest scope first."""

_EMULATORS: Final[pytest.StashKey[EmulatorFixtures]] = pytest.StashKey()


@pytest.fixture(scope="session")
def fibonacci_emulator_options() -> Mapping[str, Any]:
    """Provide the options of the emulators, which you can override with others, such as `{"plan": "free"}`.

    A fixture with a wider scope than the test's needs its options in that scope too.
    """
    return {}


@pytest.fixture
def fibonacci_emulator(
    request: pytest.FixtureRequest, fibonacci_emulator_options: Mapping[str, Any]
) -> Iterator[Emulator]:
    """Provide an emulator for only this test, which listens on a loopback socket.

    Its options are those of `fibonacci_emulator_options` and of `@pytest.mark.fibonacci(plan="free", ...)`. Until the
    test ends, the environment variables point to it, so a client that your code creates with `Fibonacci()` connects to
    it.
    """
    yield from _emulator(request, fibonacci_emulator_options)


@pytest.fixture(scope="class")
def class_fibonacci_emulator(
    request: pytest.FixtureRequest, fibonacci_emulator_options: Mapping[str, Any]
) -> Iterator[Emulator]:
    """Provide an emulator for the tests of a class (see `fibonacci_emulator`)."""
    yield from _emulator(request, fibonacci_emulator_options)


@pytest.fixture(scope="module")
def module_fibonacci_emulator(
    request: pytest.FixtureRequest, fibonacci_emulator_options: Mapping[str, Any]
) -> Iterator[Emulator]:
    """Provide an emulator for the tests of a module (see `fibonacci_emulator`)."""
    yield from _emulator(request, fibonacci_emulator_options)


@pytest.fixture(scope="package")
def package_fibonacci_emulator(
    request: pytest.FixtureRequest, fibonacci_emulator_options: Mapping[str, Any]
) -> Iterator[Emulator]:
    """Provide an emulator for the tests of a package (see `fibonacci_emulator`)."""
    yield from _emulator(request, fibonacci_emulator_options)


@pytest.fixture(scope="session")
def session_fibonacci_emulator(
    request: pytest.FixtureRequest, fibonacci_emulator_options: Mapping[str, Any]
) -> Iterator[Emulator]:
    """Provide an emulator for the session, or for each worker of pytest-xdist (see `fibonacci_emulator`)."""
    yield from _emulator(request, fibonacci_emulator_options)


@pytest.fixture
def fibonacci_client(fibonacci_emulator: Emulator) -> Fibonacci:
    """Provide an in-process client of `fibonacci_emulator`. You don't need to close it."""
    return fibonacci_emulator.client()


@pytest.fixture
def async_fibonacci_client(fibonacci_emulator: Emulator) -> AsyncFibonacci:
    """Provide an in-process async client of `fibonacci_emulator`, for any event loop. It needs no closing."""
    return fibonacci_emulator.async_client()


def _markers(request: Any) -> list[pytest.Mark]:  # Any: before 9.2, pytest does not tell the type of `node`
    """Return the markers that the scope of a fixture has."""
    return list(request.node.iter_markers(_MARKER))


def _emulator(request: pytest.FixtureRequest, options: Mapping[str, Any]) -> Iterator[Emulator]:
    """Yield an emulator that the environment names, with the options of the markers that its scope has."""
    from fibonacci.testing.emulator_fixtures import EmulatorFixtures, emulator_options

    markers = _markers(request)
    emulators = request.config.stash.setdefault(_EMULATORS, EmulatorFixtures(_FIXTURES))
    with emulators.run(str(request.fixturename), emulator_options(options, markers), markers) as emulator:
        yield emulator


def _used_by(item: pytest.Item) -> list[str]:
    """Return the fixtures of emulators that a test uses."""
    names: Iterable[str] = getattr(item, "fixturenames", ())
    return [name for name in names if name in _FIXTURES]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(**options): options of the emulator, such as plan, time and strict, for the fixture "
        "fibonacci_emulator, or for the emulator of the marked class, module or package. The closest marker wins.",
    )


@pytest.hookimpl(wrapper=True, trylast=True)  # inside of the wrappers of pytest's own plugins, which may not be skipped
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Check the markers of the test, and that each has an effect, and begin the test for what runs already."""
    markers = list(item.iter_markers(_MARKER))
    if markers:
        from fibonacci.testing.emulator_fixtures import check_marker

        for marker in markers:
            check_marker(marker)
    emulators = item.config.stash.get(_EMULATORS, None)
    if emulators is not None:
        emulators.begin_test(_used_by(item))
    yield
    if markers:
        _check_effect(item, markers)


def _check_effect(item: pytest.Item, markers: Iterable[pytest.Mark]) -> None:
    """Fail the test if it uses emulators, and a marker of it has changed none."""
    used, emulators = _used_by(item), item.config.stash.get(_EMULATORS, None)
    applied = [marker for running in emulators.running for marker in running.markers] if emulators else []
    if used and any(marker not in applied for marker in markers):
        pytest.fail(
            f"a marker {_MARKER} of {item.name} has no effect: {', '.join(used)} is shared with tests outside the "
            "mark. Use fibonacci_emulator, or set the options with fibonacci_emulator_options.",
            pytrace=False,
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """End the test for the emulators."""
    try:
        yield
    finally:
        emulators = item.config.stash.get(_EMULATORS, None)
        if emulators is not None:
            emulators.end_test()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failure what the emulators saw during the test."""
    report = yield
    emulators = item.config.stash.get(_EMULATORS, None)
    if report.failed and emulators is not None:
        used = _used_by(item)
        for running in emulators.running:
            if running.observer.requests or running.fixture in used:
                report.sections.append(("Fibonacci emulator", running.observer.describe()))
    return report
