"""An emulator that all clients of the process talk to, and that the environment variables name for other processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import anyio

from fibonacci._core import redirection
from fibonacci._core.config import LOCAL_RATE_LIMITERS, Config
from fibonacci._core.urls import is_loopback
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of, client_variables, reachable_url
from fibonacci.emulator.serving.in_process import SkippingClock
from fibonacci.errors import ConfigurationError

if TYPE_CHECKING:
    from fibonacci._core.option_types import AsyncApiKey


@contextmanager
def in_environment(emulator: Emulator) -> Generator[Emulator]:
    """Start an emulator, and let every client of the process talk to it until the `with` block ends.

    It doesn't matter when a client was created, or which key it has: in the block, it uses the emulator's address and
    key. Only a client that you passed a `base_url` keeps its own. If that leads to another machine, each call raises a
    `ConfigurationError`, and nothing is sent.

    For programs that you start in the block, `FIBONACCI_API_KEY` and `FIBONACCI_BASE_URL` are those of the emulator. If
    `FIBONACCI_API_VERSION` is `0.2`, the base URL is the one for the API of fibonacci-sdk 0.2.4. After the block, the
    variables are what they were before.

    Args:
        emulator: The emulator, which listens on a socket during the block.

    Yields:
        The emulator itself, listening.

    Raises:
        OSError: If its address can't be used.

    Example:
        >>> from fibonacci import Fibonacci
        >>> from fibonacci.emulator import Emulator
        >>> client = Fibonacci("some-key")
        >>> with in_environment(Emulator(plan="free")) as emulator:
        ...     client.base_url == emulator.base_url
        True
    """
    with emulator:
        redirect = redirect_to(emulator, "in_environment")
        redirection.redirects.append(redirect)
        replaced = set_variables(client_variables(emulator))
        try:
            yield emulator
        finally:
            set_variables(replaced)
            redirection.redirects.remove(redirect)
            note_end(emulator, "in_environment")


def redirect_to(emulator: Emulator, fixture: str) -> Callable[[Config], Config]:
    """Return a function for `redirection.redirects` that points each client to a running emulator.

    Args:
        emulator: The emulator.
        fixture: Where it comes from, for the error of a client that leads to another machine.
    """
    url, key, find_key = reachable_url(emulator), emulator.api_key, app_of(emulator).keys.find

    def redirect(config: Config) -> Config:
        base_url, own = config.base_url, config.api_key
        api_key: AsyncApiKey
        if not config.base_url_passed_at:
            base_url = url if config.api_version == "v1" else url.removesuffix("/v1")
            api_key = own if isinstance(own, str) and find_key(own) else key  # such as a viewer's
        elif is_loopback(urlsplit(base_url).hostname or ""):
            return config
        else:
            api_key = partial(_refuse, f"base_url {base_url}, passed at {config.base_url_passed_at}", fixture)
        clock = config.clock
        if emulator.clock.mode == "skip" and clock is None and config.rate_limiter in LOCAL_RATE_LIMITERS:
            clock = SkippingClock(app_of(emulator).clock, time.sleep if config.close == "close" else anyio.sleep)
        redirected = object.__new__(Config)
        vars(redirected).update(vars(config), base_url=base_url, api_key=api_key, clock=clock)
        return redirected

    return redirect


def _refuse(what: str, fixture: str) -> NoReturn:
    raise ConfigurationError(
        f"{what}, leads to another machine, but {fixture} keeps the clients of a test on this one. Nothing was sent."
        " Leave out base_url, or pass emulator.base_url"
    )


def note_end(emulator: Emulator, fixture: str) -> None:
    """Note that an emulator is about to end, for errors of clients that still call it."""
    url = reachable_url(emulator)
    redirection.ended.update(dict.fromkeys((url, url.removesuffix("/v1"), emulator.api_key), fixture))


def set_variables(values: Mapping[str, str | None]) -> dict[str, str | None]:
    """Set environment variables, and return their old values, with which another call restores them.

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
