"""Fields of forms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from fibonacci.definitions.json_types import is_object
from fibonacci.emulator.http.bodies import read_json
from fibonacci.emulator.http.errors import Detail, HTTPException, bad_request, invalid

_MOST_FIELDS: Final = 100


def read_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form as a browser sends it.

    Raises:
        HTTPException: 400 if it cannot be read.
    """
    try:
        text = body.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise bad_request(f"The form cannot be read: {error}", "form") from None


def required(form: Mapping[str, str], name: str, remedy: str) -> str:
    """Return the text of a field.

    Raises:
        HTTPException: 422 with the remedy if it is empty.
    """
    text = form.get(name, "").strip()
    if not text:
        raise invalid(Detail(name, remedy))
    return text


def number(form: Mapping[str, str], name: str) -> float | int | None:
    """Return the number in a field; `None` if it is empty.

    Raises:
        HTTPException: 422 if it is no number.
    """
    text = form.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise invalid(Detail(name, f"is a number such as 60, not {text[:40]!r}"))
    return int(value) if value.is_integer() else value


def json_object(form: Mapping[str, str], name: str) -> Mapping[str, Any]:
    """Return the JSON object in a field; empty if the field is.

    Raises:
        HTTPException: 422 that says where the JSON ends to be valid.
    """
    text = form.get(name, "").strip()
    if not text:
        return {}
    try:
        content = read_json(text.encode("utf-8", "surrogatepass"))
    except HTTPException as error:
        raise invalid(Detail(name, error.message.replace("The body is not JSON", "is not JSON"))) from None
    if not is_object(content):
        raise invalid(Detail(name, 'is a JSON object such as {"topic": "tides"}'))
    return content
