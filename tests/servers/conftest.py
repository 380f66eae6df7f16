from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.kit.server import ScriptedServer
from tests.servers.backend import backend

# Elsewhere the programs are other ones, or absent.
collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]


@pytest.fixture(scope="module")
def behind() -> Iterator[ScriptedServer]:
    """Return the backend of the gateways."""
    with backend() as running:
        yield running
