"""What a test of leaks looks at: the limits that the clients of a key share."""

from __future__ import annotations

from fibonacci._core.shared_limits import SharedLimits, shared_limits
from tests.kit.mode import Callee


def limits_of(platform: Callee) -> SharedLimits:
    """Return what the clients of a server share: how many requests are in flight, how many calls poll."""
    return shared_limits(platform.base_url, platform.api_key)
