"""The order in which the addresses of a host are tried, and the error if none accepts."""

from __future__ import annotations

import errno
import socket
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fibonacci._net.sockets import Address, ConnectionAttempts, interleaved
from tests.kit.names import address

V4 = [address(f"192.0.2.{n}", 443) for n in range(1, 7)]
V6 = [address(f"2001:db8::{n}", 443) for n in range(1, 7)]

found = st.lists(st.sampled_from(V4 + V6), max_size=16)
"""What a name service may return: any mixture of the families, also with repetitions."""


def hosts(addresses: list[Address]) -> list[str]:
    return [one[4][0] for one in addresses]


@given(found)
def test_every_address_is_tried_once(addresses: list[Address]) -> None:
    order = interleaved(addresses)
    assert sorted(hosts(order)) == sorted({*hosts(addresses)})


@given(found)
def test_the_order_within_a_family_is_the_systems_whose_first_address_stays_the_first(addresses: list[Address]) -> None:
    order = interleaved(addresses)
    assert order[:1] == addresses[:1]
    for family in (socket.AF_INET, socket.AF_INET6):
        given_order = list(dict.fromkeys(one for one in addresses if one[0] == family))
        assert [one for one in order if one[0] == family] == given_order


@given(found)
def test_families_take_turns_while_both_have_addresses_left(addresses: list[Address]) -> None:
    order = interleaved(addresses)
    counts = [sum(one[0] == family for one in order) for family in (socket.AF_INET, socket.AF_INET6)]
    together = order[: 2 * min(counts)]
    assert all(before[0] != after[0] for before, after in pairwise(together))


class TestOutcome:
    def test_one_failure_is_the_error_itself(self) -> None:
        alone = ConnectionAttempts([V4[0]])
        error = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        alone.fail(V4[0], error)
        assert alone.error() is error

    def test_several_failures_are_listed(self) -> None:
        several = ConnectionAttempts([V4[0], V4[1], V6[0]])
        several.fail(V4[0], OSError(errno.ENETUNREACH, "Network is unreachable"))
        several.fail(V6[0], ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))
        assert str(several) == (
            "192.0.2.1: Network is unreachable; 2001:db8::1: Connection refused; 192.0.2.2: no response"
        )
        several.fail(V4[1], OSError(errno.EHOSTUNREACH, "No route to host"))
        assert several.error().errno == errno.EHOSTUNREACH
        assert "2001:db8::1: Connection refused" in str(several.error())

    def test_a_long_list_is_cut(self) -> None:
        many = ConnectionAttempts(V4 + V6)
        assert str(many).endswith("; 2001:db8::2: no response; 8 more")

    def test_want_of_descriptors_is_not_hidden_by_another_failure(self) -> None:
        for code in (errno.EMFILE, errno.ENFILE):
            full = ConnectionAttempts([V4[0], V4[1]])
            full.fail(V4[0], OSError(code, "Too many open files"))
            full.fail(V4[1], ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))
            assert full.error().errno == code
