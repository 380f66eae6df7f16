"""The environment variables that name an emulator, for code that creates its own client."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import client_variables


@contextmanager
def in_environment(emulator: Emulator) -> Generator[Emulator]:
    """Start an emulator, and name it in the environment until the block ends.

    Until then `FIBONACCI_API_KEY` and `FIBONACCI_BASE_URL` are its own, so that `Fibonacci()` connects to it, whichever
    API `FIBONACCI_API_VERSION` names; after the block they are what they were before.

    Args:
        emulator: An emulator, which listens on a socket during the block.

    Yields:
        The emulator itself, which listens.

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
        replaced = set_variables(client_variables(emulator))
        try:
            yield emulator
        finally:
            set_variables(replaced)


def set_variables(values: Mapping[str, str | None]) -> dict[str, str | None]:
    """Set environment variables; return what they were before, for another call.

    Args:
        values: The values by name; `None` removes a variable.
    """
    replaced = {name: os.environ.get(name) for name in values}
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return replaced
