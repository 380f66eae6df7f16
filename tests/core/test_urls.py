"""Paths: what they are filled with stays one segment, and what is refused is not shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci._core.urls import check_path, path


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


def test_a_password_is_not_shown() -> None:
    with pytest.raises(ValueError, match="path must begin with one /") as caught:
        check_path("https://user:secret@evil.example/x")
    assert "secret" not in str(caught.value)
