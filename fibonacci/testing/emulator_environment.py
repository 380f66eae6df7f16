"""The environment variables that name an emulator, for code that creates its own client."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final

from fibonacci.emulator import Emulator


class _Variables:
    """Variables that are set, with the values that they replaced."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.replaced: dict[str, str | None] = {name: os.environ.get(name) for name in values}
        os.environ.update(values)

    def restore(self) -> None:
        for name, value in self.replaced.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_set: Final[list[_Variables]] = []  # the latest last


@contextmanager
def in_environment(emulator: Emulator) -> Generator[Emulator]:
    """Start an emulator, and name it in the environment until the block ends.

    Until then `FIBONACCI_API_KEY` and `FIBONACCI_BASE_URL` are its own, so that `Fibonacci()` connects to it; after the
    block they are what they were before. Blocks may be nested and end in any order: the variables name the emulator of
    the latest that has not ended. The pytest fixtures use this too.

    Args:
        emulator: An emulator, which listens on a socket during the block.

    Yields:
        The emulator.

    Raises:
        OSError: If its address cannot be used.

    Example:
        >>> from fibonacci import Fibonacci
        >>> from fibonacci.emulator import Emulator
        >>> with in_environment(Emulator(plan="free")) as emulator, Fibonacci() as client:
        ...     client.base_url == emulator.base_url
        True
    """
    with emulator:
        variables = _Variables({"FIBONACCI_API_KEY": emulator.api_key, "FIBONACCI_BASE_URL": emulator.base_url})
        _set.append(variables)
        try:
            yield emulator
        finally:
            _remove(variables)


def _remove(variables: _Variables) -> None:
    """Restore what variables replaced; of earlier ones than the latest, the next later ones will restore it."""
    place = _set.index(variables)
    del _set[place]
    if place == len(_set):
        variables.restore()
    else:
        _set[place].replaced = variables.replaced
