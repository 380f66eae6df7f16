from __future__ import annotations

import pytest

from tests.api_0_2.old_release import OldRelease


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> OldRelease:
    """Return 0.2.4. The tests that use it are in one process: they are a group."""
    return OldRelease(tmp_path_factory.mktemp("environment"))
