"""Chromium, driven by Playwright: pages as a person uses them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

from tests.kit.programs import find

# The emulator's page is read again at the latest 10 s after a slow reading.
expect.set_options(timeout=30_000)


@contextmanager
def chromium() -> Generator[Browser]:
    """Start a headless browser without a network but loopback. Skip the test without Chromium; under CI fail it.

    Playwright occupies the thread's event loop: until the block ends, the thread cannot run another one.
    """
    executable = find("chromium")
    options = ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=options)
        yield browser
        browser.close()
