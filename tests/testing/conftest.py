"""The plugin's fixtures, imported: pyproject.toml keeps pytest from loading the plugin itself in this repository.

Loading it would import `fibonacci` before coverage begins to measure. That the entry point works, the tests find out in
processes of their own, and in sessions of pytest within the process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from fibonacci.testing.plugin import (
    async_fibonacci_client,
    fibonacci_client,
    fibonacci_emulator,
    fibonacci_emulator_options,
)
from tests.docs.running import WITHOUT_OTHERS

__all__ = ["async_fibonacci_client", "fibonacci_client", "fibonacci_emulator", "fibonacci_emulator_options"]

RunPytest = Callable[..., pytest.RunResult]


class PackageModules(dict[str, ModuleType]):
    """Keeps what a session within this process has imported of the package: pytester would import it once more."""

    def pytest_unconfigure(self) -> None:
        self.update((name, module) for name, module in sys.modules.items() if name.startswith("fibonacci"))


@pytest.fixture
def imported() -> Iterator[PackageModules]:
    """Return the plugin; at the end of the test, after pytester, its modules are those of this process."""
    modules = PackageModules()
    yield modules
    sys.modules.update(modules)


@pytest.fixture
def run_pytest(imported: PackageModules, pytester: pytest.Pytester) -> RunPytest:
    """Return a function that runs a user's tests in a session of this process, where every warning is an error."""

    def run(source: str, *arguments: str, conftest: str = "") -> pytest.RunResult:
        pytester.makeconftest(conftest)
        pytester.makepyfile(test_project=source)
        options = ("-q", "-W", "error", "--strict-markers", "-p", "no:cacheprovider")
        return pytester.runpytest_inprocess(*options, *WITHOUT_OTHERS, *arguments, plugins=[imported])

    return run
