"""What a refused argument has to look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.colours import Colour
from tests.endpoints.recorder import Recorder


def refused(
    colour: Colour, recorder: Recorder, expected: type[Exception], make: Callable[[], Any], *parts: str
) -> None:
    """Make a call that has to fail before anything is sent, with all of those words in its message."""
    with pytest.raises(expected) as caught:
        colour.run(make())
    text = str(caught.value)
    assert type(caught.value) is expected
    assert [part for part in parts if part not in text] == [], text
    assert recorder.sent == []
    assert recorder.api_key not in text
