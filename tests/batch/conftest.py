"""Journals of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.journals import JournalPlace
from tests.kit.redis import RedisServer

REDIS_PASSWORD = "swordfish-7"


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Return a server for journals that no test disturbs."""
    server = RedisServer(password=REDIS_PASSWORD)
    with server.running():
        yield server


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    """Return a place for a new journal: a file, or what the test's parameter names."""
    if getattr(request, "param", "file") == "file":
        return JournalPlace(tmp_path)
    return JournalPlace(tmp_path, request.getfixturevalue("redis_server"))
