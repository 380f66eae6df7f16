"""What tests assert in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer


def refused(
    mode: Mode, server: ScriptedServer, expected: type[Exception], make: Callable[[], Any], *parts: str
) -> None:
    """Make a call that has to fail before anything is sent, with all of those words in its message."""
    with pytest.raises(expected) as caught:
        mode.run(make())
    text = str(caught.value)
    assert type(caught.value) is expected
    assert [part for part in parts if part not in text] == [], text
    assert server.requests == []
    assert server.api_key not in text
