"""What all tests share: a clean environment, both modes of the client, an emulator, a scripted server, a clock."""

from __future__ import annotations

import gc
import os
import signal
import sys
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from tests.kit.certificates import Authority
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode, mode_of
from tests.kit.names import NameService
from tests.kit.programs import skip_or_fail
from tests.kit.server import ScriptedServer
from tests.kit.slow import is_all_slow

pytest_plugins = ["pytester"]

# Thousands of processes import the same files; images of containers often have this set.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The gate asks for the large one, and each night for more. A machine that is busy makes an example slow, not wrong.
settings.register_profile("small", deadline=None, max_examples=6)
settings.register_profile("large", deadline=None, max_examples=50)
settings.register_profile("night", deadline=None, max_examples=500)
settings.load_profile("small")

# Files whose tests count what happens within seconds, or compare what code costs: they run one after another, in one
# process of pytest-xdist.
_ONE_BY_ONE = ("performance/test_guards.py", "faults/test_rate_limit.py")

_TESTS = Path(__file__).parent

# What the package does in these is measured in the tests of its parts, and measuring doubles their time.
_NOT_MEASURED = tuple(
    str(_TESTS / name)
    for name in (
        *("contract/", "docs/", "servers/", "tools/releases/", "typing/"),
        *("batch/test_estimates.py", "batch/test_limits.py", "batch/test_schedules.py"),
        *("batch/test_simulated_figures.py", "core/test_stored_window.py", "definitions/test_plain.py"),
        *("emulator/test_bad_requests.py", "emulator/test_growth.py"),
        *("faults/test_table.py", "models/test_models.py"),
    )
)


def pytest_configure(config: pytest.Config) -> None:
    """Take the signals that a process ignores which was started in the background, or by nohup, and its children."""
    # pytest 9.1 loses the fixtures of a folder that it comes back to (its issue 14640).
    config.args.sort(key=lambda argument: Path(argument.partition("::")[0]).parent)
    gc.disable()  # until the tests are collected: what is imported stays
    if config.getoption("hypothesis_profile") is None:
        # Each process would read the constants of the package from all of its source, which few examples would use.
        setattr(providers, "_get_local_constants", Constants)  # noqa: B010  (a type checker refuses a private name)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are processors: for a third of their time, the tests wait."""
    return (os.cpu_count() or 1) + 1


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files of slow tests where none is asked for: each process would import what they use."""
    if config.option.markexpr != "not slow" or not collection_path.match("test_*.py"):
        return None
    return is_all_slow(collection_path) or None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let each worker begin with another part of the files: in step, each would compile all that is new."""
    report = yield
    if report.passed and isinstance(collector, pytest.Session | pytest.Directory):
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        begin = len(report.result) * worker // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        report.result = [*report.result[begin:], *report.result[:begin]]
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mix the files, since neighbors wait alike; put tests that must not run beside each other into one group."""
    items.sort(key=lambda item: (zlib.crc32(bytes(item.path)), item.path))  # the same in each worker
    for item in items:
        if str(item.path).endswith(_ONE_BY_ONE):
            item.add_marker(pytest.mark.xdist_group("one by one"))
        elif "mcp_server" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("mcp"))  # each process that has one imports its library


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Take the modules and the tests, which stay, out of what the garbage collector looks at each time."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Do it once more: pytest collects garbage five times at its end, and Python itself does."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Stop measuring the coverage for a test of `_NOT_MEASURED`, its fixtures included."""
    coverage = sys.modules.get("coverage")
    measured = coverage and coverage.Coverage.current()
    if measured is None or not str(item.path).startswith(_NOT_MEASURED):
        return (yield)
    measured.stop()
    try:
        return (yield)
    finally:
        measured.start()


@pytest.fixture(scope="session")
def no_profiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty folder of configuration."""
    return tmp_path_factory.mktemp("no-profiles")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, no_profiles: Path) -> None:
    """Remove what the machine has set for the client, its profiles and keychain included."""
    for name in list(os.environ):
        if name.startswith("FIBONACCI_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FIBONACCI_CONFIG_DIR", str(no_profiles))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setenv("LANGUAGE", "C")  # argparse looks for a translation of each of its words


@pytest.fixture
def mode(request: pytest.FixtureRequest) -> Iterator[Mode]:
    """Return the mode of the clients: asyncio, from whose code the sync half is derived, unless the test names others.

    `both_modes` and `each_mode` of `tests.kit.mode` name them.
    """
    with mode_of(request) as mode:
        yield mode


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Return the platform, on a loopback socket."""
    with Emulator() as running:
        yield running


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Fibonacci]:
    """Return a sync client of the emulator."""
    with Fibonacci(emulator.api_key, base_url=emulator.base_url) as made:
        yield made


@pytest.fixture
def any_client(mode: Mode, emulator: Emulator) -> Any:
    """Return a client of the emulator in the test's mode; its calls go through `mode.run`."""
    return mode.client_of(emulator)


@pytest.fixture
def font() -> None:
    """Make sure that the system has a font, without which nothing draws texts."""
    from fibonacci.definitions.diagrams.png import png

    try:
        png({"nodes": []})
    except OSError:
        skip_or_fail("a font", "apt-get install fonts-dejavu-core")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameService]:
    """Return the name service of the test."""
    names = NameService(monkeypatch)
    yield names
    names.released.set()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Return a server that sends what `add_response` gives it, in turn."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def caller(mode: Mode, server: ScriptedServer) -> Any:
    """Return a client of the scripted server in the test's mode, which retries nothing."""
    return mode.client_of(server, max_retries=0)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return a private authority that signs the certificates of servers."""
    return Authority.made_in(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def clock() -> FakeClock:
    """Return the clock of the mode's clients, on which waits take no time."""
    return FakeClock()
