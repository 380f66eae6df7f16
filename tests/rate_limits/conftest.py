"""Limiters of each kind, and an emulator with a small limit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.kit.redis import REDIS_SERVERS, RedisServer
from tests.rate_limits.clients import PASSWORD


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which the limiter of the machine keeps its files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def redis_urls() -> Iterator[dict[str, str]]:
    """Return the URLs of a server of each kind."""
    first, second = (RedisServer(program, password=PASSWORD) for program in REDIS_SERVERS)
    with first.running(), second.running():
        yield dict(zip(REDIS_SERVERS, (first.url, second.url), strict=True))


@pytest.fixture(params=["machine", *REDIS_SERVERS])
def rate_limiter(request: pytest.FixtureRequest) -> str:
    """Return each limiter that processes share."""
    name: str = request.param
    return name if name == "machine" else str(request.getfixturevalue("redis_urls")[name])


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Return an emulator that admits 6 requests in a minute."""
    with Emulator(rate_limit=(6, 60.0)) as emulator:
        yield emulator
