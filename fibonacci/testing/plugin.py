"""The pytest plugin; the package's entry point has pytest load it, so there is nothing to import or to register.

Loading it loads nothing but pytest: a test session that uses none of its fixtures pays nothing for it.
"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False  # not imported from typing: this is loaded in every test session, whoever's it is
if TYPE_CHECKING:
    from collections.abc import Iterator

    from fibonacci import AsyncFibonacci, Fibonacci
    from fibonacci.emulator import Emulator


@pytest.fixture
def fibonacci_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """A clean platform of this test's own, which listens on a loopback socket.

    Until the test ends, the environment leads to it: code under test that says `Fibonacci()` reaches it.
    """
    from fibonacci.emulator import Emulator

    with Emulator() as emulator:
        monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
        monkeypatch.setenv("FIBONACCI_BASE_URL", emulator.base_url)
        yield emulator


@pytest.fixture
def fibonacci_client(fibonacci_emulator: Emulator) -> Fibonacci:
    """A client of `fibonacci_emulator`, in process: it holds nothing that has to be closed."""
    return fibonacci_emulator.client()


@pytest.fixture
def async_fibonacci_client(fibonacci_emulator: Emulator) -> AsyncFibonacci:
    """An async client of `fibonacci_emulator`, in process, for any event loop: it holds nothing to be closed."""
    return fibonacci_emulator.async_client()
