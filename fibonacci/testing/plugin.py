"""The pytest plugin. pytest loads it by the package's entry point, so it needs no import and no registration.

It imports next to nothing but pytest, so that it costs nothing in a test session that uses none of its fixtures.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from fibonacci._core import redirection

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


def _markers(request: Any) -> list[pytest.Mark]:  # Any: before 9.2, pytest does not tell the type of `node`
    """Return the markers that the scope of a fixture has."""
    return list(request.node.iter_markers(_MARKER))


def _emulator(request: pytest.FixtureRequest, fibonacci_emulator_options: Mapping[str, Any]) -> Iterator[Emulator]:
    """Provide an emulator that listens on a loopback socket, for one test, class, module, package or session.

    Its options are those of `fibonacci_emulator_options` and of `@pytest.mark.fibonacci(plan="free", ...)`. Until it
    ends, every client without a `base_url` talks to it, whenever your code created it, and the environment variables
    point to it. A client with a `base_url` that leads to another machine raises a `ConfigurationError`. If a test uses
    several emulators, that of the narrowest scope counts. Each worker of pytest-xdist has its own.
    """
    from fibonacci.testing.emulator_fixtures import EmulatorFixtures, emulator_options

    markers = _markers(request)
    emulators = request.config.stash.setdefault(_EMULATORS, EmulatorFixtures(_FIXTURES))
    options = emulator_options(fibonacci_emulator_options, markers)
    with emulators.run(str(request.fixturename), options, markers) as emulator:
        yield emulator


fibonacci_emulator: Any = pytest.fixture(_emulator)
class_fibonacci_emulator: Any = pytest.fixture(scope="class")(_emulator)
module_fibonacci_emulator: Any = pytest.fixture(scope="module")(_emulator)
package_fibonacci_emulator: Any = pytest.fixture(scope="package")(_emulator)
session_fibonacci_emulator: Any = pytest.fixture(scope="session")(_emulator)


@pytest.fixture
def fibonacci_client(fibonacci_emulator: Emulator) -> Fibonacci:
    """Provide an in-process client of `fibonacci_emulator`. You don't need to close it."""
    return fibonacci_emulator.client()


@pytest.fixture
def async_fibonacci_client(fibonacci_emulator: Emulator) -> AsyncFibonacci:
    """Provide an in-process async client of `fibonacci_emulator`, for any event loop. It needs no closing."""
    return fibonacci_emulator.async_client()


def _used_by(item: pytest.Item) -> list[str]:
    """Return the fixtures of emulators that a test uses."""
    names: Iterable[str] = getattr(item, "fixturenames", ())
    return [name for name in names if name in _FIXTURES]


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before anything imports the user's modules
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Let modules create a client without a key, which fails at its first call unless an emulator is active then."""
    early_config.add_cleanup(partial(setattr, redirection, "is_under_pytest", redirection.is_under_pytest))
    redirection.is_under_pytest = True
    yield


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the coverage of workflows."""
    group = parser.getgroup("fibonacci", "coverage of workflows")
    group.addoption(
        "--fibonacci-cov",
        action="append",
        nargs="?",
        const="",
        metavar="DIR",
        help="report which nodes and branches the runs reached, also of the definition files in DIR that never ran",
    )
    group.addoption(
        "--fibonacci-cov-report",
        action="append",
        metavar="KIND",
        help="term (default), html:DIR or json:FILE; can be given several times",
    )
    group.addoption(
        "--fibonacci-cov-fail-under", type=float, metavar="N", help="fail if less than N percent was reached"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and count what runs of workflows reach if an option asks for it."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(**options): options of the emulator, such as plan, time and strict, for the fixture "
        "fibonacci_emulator, or for the emulator of the marked class, module or package. The closest marker wins.",
    )
    options = (f"fibonacci_cov{suffix}" for suffix in ("", "_report", "_fail_under"))
    if any(config.getoption(name) is not None for name in options):
        from fibonacci.testing.coverage import CoveragePlugin

        config.pluginmanager.register(CoveragePlugin(config))


@pytest.hookimpl(wrapper=True, trylast=True)  # inside the wrappers of pytest's own plugins, which must not be skipped
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Check that each marker of the test is valid and has an effect, and begin the test for running emulators."""
    markers = list(item.iter_markers(_MARKER))
    if markers:
        from fibonacci.testing.emulator_fixtures import check_marker

        for marker in markers:
            check_marker(marker)
    used, emulators = _used_by(item), item.config.stash.get(_EMULATORS, None)
    if emulators is not None:
        emulators.begin_test(used)
    yield
    emulators = item.config.stash.get(_EMULATORS, None)
    applied = [marker for running in emulators.running for marker in running.markers] if emulators else []
    # A marker of the class or module is for those of its tests that use an emulator.
    if any(marker not in applied and (used or marker in item.own_markers) for marker in markers):
        reason = f"{', '.join(used)} is shared with tests outside the mark" if used else "the test uses no emulator"
        pytest.fail(
            f"a marker {_MARKER} of {item.name} has no effect: {reason}. Use fibonacci_emulator, or set the options "
            "with fibonacci_emulator_options.",
            pytrace=False,
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Check that everything acted that a passed test has prepared."""
    __tracebackhide__ = True
    yield
    emulators = item.config.stash.get(_EMULATORS, None)
    if emulators is not None:
        emulators.check_test()


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
    """Add what the emulators saw to the report of a failure. They aren't checked, as the test ended early."""
    report = yield
    emulators = item.config.stash.get(_EMULATORS, None)
    if call.excinfo is not None and emulators is not None:
        used = _used_by(item)
        for running in emulators.running:
            if running.requests or running.fixture in used:
                if report.failed:
                    report.sections.append(("Fibonacci emulator", running.describe()))
                running.emulator.allow_unused = True
    return report
