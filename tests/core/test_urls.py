"""Paths: what they are filled with stays one segment, and what is refused is not shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci import ConfigurationError, Fibonacci
from fibonacci._core.urls import check_path, path
from fibonacci._texts.redaction import without_secrets
from tests.kit.assertions import each_row


# Texts of any characters hardly ever have one that a URL gives a meaning.
@given(st.text() | st.text("/?#%.\\ a"))
def test_any_text_is_one_segment_or_refused(text: str) -> None:
    try:
        filled = path("/a/{id}/b", id=text)
    except ValueError:
        assert text.strip() in ("", ".", "..") or not text.isprintable()
    else:
        assert filled.count("/") == 3
        assert filled.isascii()
        assert not {"?", "#", " ", "\\"} & set(filled)


@each_row(
    ("text", "shown"),
    [
        ("https://user:secret@evil.example/x", "https://***@evil.example/x"),
        ("https://user:p@sec/ret@evil.example/x", "https://***@evil.example/x"),
        ("no URL 'http:/:secret@h', or", "no URL 'http:/***@h', or"),
        ("--journal=redis://:sec/ret@h", "--journal=redis://***@h"),
        (":sec/ret@h", ":***@h"),
        ("https://h/x?a=1&api_key=secret&b=2", "https://h/x?a=1&api_key=***&b=2"),
        ("https://h/x?X-Api-Key=secret&b=2", "https://h/x?X-Api-Key=***&b=2"),
        ("GET /workflows/x%3Fpassword%3Dse%2Fcret%26a%3Db: no", "GET /workflows/x%3Fpassword%3D***%26a%3Db: no"),
        ("fib_live_secret", "[API key]"),
        ("GET /workflows/redis%3A%2F%2F%3Asecret%40h: no", "GET /workflows/redis://***@h: no"),
        *((text, text) for text in ("https://blog.example/@ada", "ada@example.com", "a: b@example.com", "x=1")),
    ],
)
def test_a_password_is_not_shown(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    with pytest.raises(ValueError, match="path must begin with one /") as of_path:
        check_path(text)
    with pytest.raises(ConfigurationError, match="rate_limiter must be") as of_limiter:
        Fibonacci("key", rate_limiter=text)
    assert all(repr(shown) in str(caught.value) for caught in (of_path, of_limiter))
