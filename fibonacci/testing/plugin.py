"""The pytest plugin. pytest loads it by the package's entry point, so it needs no import and no registration.

It imports nothing but pytest, so that it costs nothing in a test session that uses none of its fixtures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fibonacci import AsyncFibonacci, Fibonacci
    from fibonacci.emulator import Emulator


@pytest.fixture
def fibonacci_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Provide an emulator for this test alone, which listens on a loopback socket.

    Until the test ends, the environment variables name it: a client that the code under test creates with
    `Fibonacci()` connects to it.
    """
    from fibonacci.emulator import Emulator

    with Emulator() as emulator:
        monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
        monkeypatch.setenv("FIBONACCI_BASE_URL", emulator.base_url)
        yield emulator


@pytest.fixture
def fibonacci_client(fibonacci_emulator: Emulator) -> Fibonacci:
    """Provide an in-process client of `fibonacci_emulator`. It holds nothing that has to be closed."""
    return fibonacci_emulator.client()


@pytest.fixture
def async_fibonacci_client(fibonacci_emulator: Emulator) -> AsyncFibonacci:
    """Provide an in-process async client of `fibonacci_emulator`, for any event loop. It needs no closing."""
    return fibonacci_emulator.async_client()
