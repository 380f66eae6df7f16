"""Prism, a mock server that its own developers make from an OpenAPI document, as an ordinary child process.

See https://github.com/stoplightio/prism.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.document import FILE
from tests.kit.programs import skip_or_fail

_INSTALL = "npm install --global @stoplight/prism-cli"


@contextmanager
def prism(*options: str) -> Generator[str]:
    """Run a mock server of `docs/openapi.yaml` while the block lasts; give its base URL.

    Args:
        options: Options of `prism mock`, such as `--dynamic`.
    """
    program = shutil.which("prism")
    if program is None:
        skip_or_fail("prism", _INSTALL)
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(
            [program, "mock", str(FILE), "--port", "0", "--host", "127.0.0.1", *options], stdout=log, stderr=log
        )
        try:
            yield _base_url(process, Path(log.name))
        finally:
            process.kill()
            process.wait()


def _base_url(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the address that Prism prints when it is ready; the test's own time limit bounds the wait."""
    while process.poll() is None:
        found = re.search(r"listening on (http://127\.0\.0\.1:\d+)", log.read_text("utf-8"))
        if found:
            return found[1]
        time.sleep(0.05)
    pytest.fail(f"prism does not listen: {log.read_text('utf-8')}")
