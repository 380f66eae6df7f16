"""The built site, once for all tests of it."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.kit.programs import skip_or_fail
from tests.tools.site.checks import BuiltSite
from tests.tools.site.versions import build_versions


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> BuiltSite:
    """Build the site, and return the folder of its version. Skip the test without zensical; under CI fail it."""
    if find_spec("zensical") is None:
        skip_or_fail("zensical", "pip install '.[docs]'")
    out = tmp_path_factory.mktemp("site") / "out"
    return BuiltSite(build_versions(out))


@contextmanager
def serving(folder: Path) -> Generator[str]:
    """Serve a folder while the block lasts, as any web server does; yield the address, without a final slash."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""
