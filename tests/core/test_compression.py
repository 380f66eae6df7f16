"""Compressed bodies: decoded whatever their parts, bounded whatever their size, requested where they can be decoded."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci._core import json_bodies
from fibonacci._core.json_bodies import DecompressionError, TooLargeError, accepted, decompress
from tests.kit.assertions import each_row
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer

brotli: Any = import_module("brotli")  # it brings no types
Compress = Callable[[bytes], bytes]
COMPRESS: dict[str, Compress] = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}


def repeated(part: bytes, times: int) -> bytes:
    return part * times


BODIES = st.binary(max_size=300) | st.builds(repeated, st.binary(max_size=9), st.integers(0, 9999))
each_encoding = each_row("encoding", COMPRESS)


def in_steps(step: int) -> Any:
    """Undo so much at a time."""
    return patch.object(json_bodies, "_STEP", step)


@given(
    body=BODIES,
    step=st.integers(1, 99) | st.integers(1, 100_000),
    limit=st.integers(0, 100_000),
    cut=st.integers(1, 10_000),
    more=st.binary(min_size=1, max_size=99),
)
def test_a_body_is_restored_or_too_large_and_refused_where_it_is_cut_or_goes_on(
    body: bytes, step: int, limit: int, cut: int, more: bytes
) -> None:
    for encoding, compress in COMPRESS.items():
        packed = compress(body)
        with in_steps(step):
            assert decompress(packed, encoding, len(body)) == body
            if len(body) > limit:
                with pytest.raises(TooLargeError):
                    decompress(packed, encoding, limit)
            if left := cut % len(packed):
                with pytest.raises(DecompressionError, match="truncated"):
                    decompress(packed[:left], encoding, len(body))
            if encoding != "deflate":
                with pytest.raises(DecompressionError, match=r"cannot be decompressed|truncated"):
                    decompress(packed + more, encoding, len(body))


@each_encoding
def test_a_bomb_is_left_near_the_limit(encoding: str) -> None:
    bomb = COMPRESS[encoding](bytes(1_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError, match="larger than 200000 bytes"):
            decompress(bomb, encoding, 200_000)
        assert tracemalloc.get_traced_memory()[1] < 400_000
    finally:
        tracemalloc.stop()
        tracemalloc.clear_traces()
    assert decompress(b"", encoding, 0) == b""


def test_a_gzip_body_has_ten_thousand_members_at_most() -> None:
    member = gzip.compress(b"x")
    assert decompress(member * 10_000, "gzip", 10_000) == b"x" * 10_000
    with pytest.raises(DecompressionError, match="more than 10000 parts"):
        decompress(member * 10_001, "gzip", 20_000)


def test_what_follows_a_deflated_body_is_ignored() -> None:
    assert decompress(zlib.compress(b"x") + b"more", "deflate", 9) == b"x"


@given(body=BODIES)
def test_a_deflated_body_may_have_no_frame(body: bytes) -> None:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    assert decompress(compressor.compress(body) + compressor.flush(), "deflate", len(body)) == body


def test_encodings_are_undone_in_their_order_whatever_their_letters() -> None:
    packed = gzip.compress(zlib.compress(brotli.compress(b"x")))
    assert decompress(packed, " br, Deflate ,, identity, X-GZIP ", 999) == b"x"
    assert decompress(b"x", "", 1) == b"x"
    with pytest.raises(DecompressionError, match=rf"^the content encoding '{'z' * 40}' was not requested"):
        decompress(b"x", "z" * 50, 1)
    with pytest.raises(DecompressionError, match="cannot be decompressed: Error -3"):
        decompress(b"no gzip at all", "gzip", 99)


@each_encoding
def test_over_the_wire(mode: Mode, server: ScriptedServer, caller: Any, encoding: str) -> None:
    server.add_response(COMPRESS[encoding](b'{"data": {"id": "wf-1"}}'), headers={"Content-Encoding": encoding})
    assert mode.run(caller.workflows.get("wf-1")).id == "wf-1"
    assert server.last.one("Accept-Encoding") == "gzip, deflate, br"


class TestBrotliDetection:
    @pytest.fixture(autouse=True)
    def asked_again(self) -> Iterator[None]:
        json_bodies.bounded_brotli.cache_clear()
        yield
        json_bodies.bounded_brotli.cache_clear()

    def test_an_unbounded_brotli_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "brotli", SimpleNamespace(Decompressor=object))
        assert accepted() == "gzip, deflate"

    def test_without_brotli_only_gzip_and_deflate_are_accepted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "brotli", None)
        assert accepted() == "gzip, deflate"
        with pytest.raises(DecompressionError, match="'br' was not requested"):
            decompress(brotli.compress(b"x"), "br", 9)
