"""What all tests share: a clean environment, both colours of the client, an emulator, a recorder, a clock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from tests.colours import COLOURS, Colour
from tests.endpoints.recorder import Recorder
from tests.kit.clock import FakeClock


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that the machine has set reaches the client."""
    for name in list(os.environ):
        if name.startswith("FIBONACCI_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(params=COLOURS)
def colour(request: pytest.FixtureRequest) -> Iterator[Colour]:
    """Each colour in turn."""
    made = Colour(request.param)
    if "clock" in request.fixturenames:
        made.clock = request.getfixturevalue("clock")
    yield made
    made.finish()


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """The platform, on a loopback socket."""
    with Emulator() as running:
        yield running


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Fibonacci]:
    """A sync client of the emulator."""
    with Fibonacci(emulator.api_key, base_url=emulator.base_url) as made:
        yield made


@pytest.fixture
def any_client(colour: Colour, emulator: Emulator) -> Any:
    """A client of the emulator in each colour; its calls go through `colour.run`."""
    return colour.client(emulator.api_key, base_url=emulator.base_url)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """A server that keeps what it gets and answers what it is told."""
    with Recorder() as running:
        yield running


@pytest.fixture
def recorded(colour: Colour, recorder: Recorder) -> Any:
    """A client of the recorder in each colour, which sends nothing twice."""
    return colour.client(recorder.api_key, base_url=recorder.base_url, max_retries=0)


@pytest.fixture
def clock() -> FakeClock:
    """The clock of the mode's clients, on which waits take no time."""
    return FakeClock()
