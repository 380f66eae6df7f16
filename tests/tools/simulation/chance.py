"""Chance that is the same each time, for what draws from the `random` of the process and for the client's retries."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fibonacci._core import retry

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def seeded(seed: float) -> Generator[None]:
    """Let the delays before retries, the client's and tenacity's, follow from a seed."""
    state, uniform = random.getstate(), retry.uniform
    random.seed(seed)
    retry.uniform = random.uniform
    try:
        yield
    finally:
        retry.uniform = uniform
        random.setstate(state)
