from __future__ import annotations

from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.deployment.flows import Flows
from tests.kit.mode import Mode


@pytest.fixture
def flows(mode: Mode, emulator: Emulator, tmp_path: Path) -> Flows:
    """Return an empty folder and a client of the emulator, in each mode."""
    folder = tmp_path / "flows"
    folder.mkdir()
    return Flows(mode, mode.client_of(emulator), folder)
