"""Compressed bodies: gzip is requested and undone, bounded whatever its size, and refused where it isn't whole."""

from __future__ import annotations

import gzip
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci._core.json_bodies import DecompressionError, TooLargeError, decompress
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer


def repeated(part: bytes, times: int) -> bytes:
    return part * times


BODIES = st.binary(max_size=300) | st.builds(repeated, st.binary(max_size=9), st.integers(0, 9999))


@given(body=BODIES, limit=st.integers(0, 100_000), cut=st.integers(1, 10_000), more=st.binary(min_size=1, max_size=99))
def test_a_body_is_restored_or_too_large_and_refused_where_it_is_cut_or_goes_on(
    body: bytes, limit: int, cut: int, more: bytes
) -> None:
    packed = gzip.compress(body)
    assert decompress(packed, "gzip", len(body)) == body
    if len(body) > limit:
        with pytest.raises(TooLargeError):
            decompress(packed, "gzip", limit)
    if left := cut % len(packed):
        with pytest.raises(DecompressionError, match="truncated"):
            decompress(packed[:left], "gzip", len(body))
    with pytest.raises(DecompressionError, match="cannot be decompressed: there is data after its end"):
        decompress(packed + more, "gzip", len(body))


def test_a_bomb_is_left_near_the_limit() -> None:
    bomb = gzip.compress(bytes(1_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError, match="larger than 200000 bytes"):
            decompress(bomb, "gzip", 200_000)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
        tracemalloc.clear_traces()


def test_an_encoding_is_known_by_its_name_whatever_its_letters() -> None:
    assert decompress(gzip.compress(b"x"), " X-GZIP ", 9) == b"x"
    assert decompress(b"x", "identity", 1) == b"x"
    assert decompress(b"", "gzip", 0) == b""
    for name in ("br", "deflate", "gzip, gzip", "z" * 50):
        with pytest.raises(DecompressionError, match=rf"^the content encoding '{name[:40]}' was not requested"):
            decompress(b"x", name, 1)
    with pytest.raises(DecompressionError, match="cannot be decompressed: Error -3"):
        decompress(b"no gzip at all", "gzip", 99)


def test_over_the_wire(mode: Mode, server: ScriptedServer, caller: Any) -> None:
    server.add_response(gzip.compress(b'{"data": {"id": "wf-1"}}'), headers={"Content-Encoding": "gzip"})
    assert mode.run(caller.workflows.get("wf-1")).id == "wf-1"
    assert server.last.one("Accept-Encoding") == "gzip"
