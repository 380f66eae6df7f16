"""What the tests of costs share: the server that they call."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.tools.benchmarks.processes import serve


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return the base URL of the benchmarks' server."""
    with serve(sys.executable) as port:
        yield f"http://127.0.0.1:{port}"
