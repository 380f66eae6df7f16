"""Bodies: a value without a JSON form is named by its place."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fibonacci._core.request import encode


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(st.characters()) | st.binary() | st.just({1}),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    )
)
def test_any_value_is_encoded_or_refused(value: Any) -> None:
    try:
        encode({"v": value})
    except (TypeError, ValueError) as error:
        told = str(error)
    else:
        return
    assert told.startswith("v")
