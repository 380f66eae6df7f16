"""Where the clients of this process go while a test runs. In production, nothing here is ever set.

`fibonacci.testing` sets it. The pytest plugin loads this module in every session, so it imports nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fibonacci._core.config import Config

redirects: list[Callable[[Config], Config]] = []
"""Each returns the configuration that a client has instead of its own while an emulator is active. The last one counts.
"""

ended: dict[str, str] = {}
"""What each emulator that has ended was from, such as a fixture, by its base URLs and its key."""

is_under_pytest: bool = False
"""Whether the plugin runs, so that a client without a key fails at its first call, and not at the import of a module.
"""
