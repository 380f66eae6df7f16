"""The addresses of a host: the order in which to try them, and the outcome of each attempt (RFC 8305)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

from fibonacci._net.sockets import Address, lacks_descriptor

#: Seconds between the starts of two attempts.
STAGGER = 0.25
#: Seconds for which an address that accepted in place of an earlier one is tried first.
PREFERENCE = 60.0
_MOST_PREFERRED = 256
_MOST_SHOWN = 4

#: The address of a host that accepted last, where it was not the first one, and until when to prefer it.
_preferred: dict[tuple[str, int], tuple[Any, float]] = {}


def interleaved(addresses: Sequence[Address]) -> list[Address]:
    """Return the addresses, each once, with their families taking turns; the system's first one stays the first."""
    families: dict[int, dict[Any, Address]] = {}
    for address in addresses:
        families.setdefault(address[0], {}).setdefault(address[4], address)
    turns = zip_longest(*(family.values() for family in families.values()))
    return [address for address in chain.from_iterable(turns) if address is not None]


class ConnectionAttempts:
    """The attempts to connect to a host that has several addresses; `str()` gives the outcome of each.

    The address that accepted is preferred by the whole process when it was not the first, so that only one connection
    in a minute waits for a dead address.

    Args:
        host: The host.
        port: The port.
        addresses: Its addresses in the system's order.
        now: The monotonic time.

    Attributes:
        order: The addresses in the order to try them.
    """

    def __init__(self, host: str, port: int, addresses: Sequence[Address], now: float) -> None:
        self._key = (host, port)
        self._failures: dict[Address, OSError] = {}
        self.order = interleaved(addresses)
        target, until = _preferred.get(self._key, (None, now))
        if now < until:
            self.order.sort(key=lambda address: address[4] != target)

    def succeed(self, address: Address, now: float) -> None:
        """Note that an address accepted."""
        if address is not self.order[0]:
            if len(_preferred) >= _MOST_PREFERRED:
                _preferred.clear()
            _preferred[self._key] = (address[4], now + PREFERENCE)

    def fail(self, address: Address, error: OSError) -> None:
        """Note that an attempt failed."""
        self._failures[address] = error
        if _preferred.get(self._key, (None,))[0] == address[4]:
            _preferred.pop(self._key, None)

    def error(self) -> OSError:
        """Return the error for attempts that have all failed."""
        *_, last = self._failures.values()
        for failure in self._failures.values():
            if lacks_descriptor(failure):
                return failure  # it is not about the address
        return last if len(self.order) == 1 else OSError(last.errno, str(self))

    def __str__(self) -> str:
        parts = [f"{address[4][0]}: {self._outcome(address)}" for address in self.order[:_MOST_SHOWN]]
        more = len(self.order) - _MOST_SHOWN
        return "; ".join([*parts, f"{more} more"] if more > 0 else parts)

    def _outcome(self, address: Address) -> str:
        failure = self._failures.get(address)
        return "no response" if failure is None else failure.strerror or str(failure)
