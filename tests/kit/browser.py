"""A headless browser: what a page has become once its scripts have run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.kit.programs import find

_SECONDS = 60.0
_OPTIONS = (
    "--headless",
    "--no-sandbox",  # which it refuses to make for root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def dump_dom(html: str = "", *, url: str | None = None, width: int = 1400) -> str:
    """Show a page in Chromium, without a network but loopback, and return its document after the `load` event, as HTML.

    A start takes about a second: show what several tests need in one page. Skip the test without Chromium; under CI
    fail it.

    Args:
        html: The page. A script in it may measure, and write what it finds into the document.
        url: Where a page is served, in place of `html`.
        width: The width of the window in CSS pixels.
    """
    browser = find("chromium")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # its processes may write for a moment longer
        page = Path(folder, "page.html")
        page.write_text(html, "utf-8")
        profile = (f"--user-data-dir={folder}/profile", f"--window-size={width},1000")
        run = subprocess.run(
            [browser, *_OPTIONS, *profile, "--dump-dom", url or page.as_uri()],
            capture_output=True,
            check=False,
            encoding="utf-8",
            env=os.environ | {"HOME": folder},
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
    if run.returncode or "</html>" not in run.stdout:
        pytest.fail(f"Chromium has ended with {run.returncode}:\n{run.stderr}")
    return run.stdout
