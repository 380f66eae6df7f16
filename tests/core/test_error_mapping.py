"""The error that a response becomes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fibonacci import APIStatusError
from fibonacci._core.error_mapping import status_error
from tests.core.responses import api_response


@given(status=st.integers(300, 599), body=st.binary(max_size=60) | st.just(b'{"error": {}}'))
def test_any_response_makes_an_error_with_a_text(status: int, body: bytes) -> None:
    error = status_error(api_response(body, status))
    assert isinstance(error, APIStatusError)
    assert error.status_code == status
    assert error.message
