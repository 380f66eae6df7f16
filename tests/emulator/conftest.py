from __future__ import annotations

import pytest

from tests.emulator.api import Api


@pytest.fixture
def api() -> Api:
    return Api()
