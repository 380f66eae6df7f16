"""The environment variables that name an emulator, for code that creates its own client."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import client_variables


@contextmanager
def in_environment(emulator: Emulator) -> Generator[Emulator]:
    """Start an emulator, and point the environment variables to it until the `with` block ends.

    In the block, `FIBONACCI_API_KEY` and `FIBONACCI_BASE_URL` are those of the emulator, so `Fibonacci()` connects to
    it. If `FIBONACCI_API_VERSION` is `0.2`, the base URL is the one for the API of fibonacci-sdk 0.2.4. After the
    block, the variables are what they were before.

    Args:
        emulator: The emulator, which listens on a socket during the block.

    Yields:
        The emulator itself, listening.

    Raises:
        OSError: If its address can't be used.

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
    """Set environment variables, and return what they were before, for another call.

    Args:
        values: The values by name. `None` removes a variable.
    """
    replaced = {name: os.environ.get(name) for name in values}
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return replaced
