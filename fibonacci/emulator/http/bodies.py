"""Request bodies: parsed as JSON, then validated strictly against a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.http.errors import Detail, bad_request, invalid
from fibonacci.emulator.state.json_encoding import parse_json

MAX_BODY: Final = 10 * 1024 * 1024
"""The largest body, in bytes."""

MAX_DEPTH: Final = 100
"""How deep objects and arrays may be nested; Python's JSON encoder fails at about 1,000 levels."""


class Body(BaseModel):
    """The base of every request body: exact types and the documented keys only. It is built when one comes."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


BodyT = TypeVar("BodyT", bound=Body)


def read(model: type[BodyT], raw: bytes) -> BodyT:
    """Parse and validate a body.

    Args:
        model: The model.
        raw: The bytes as received.

    Returns:
        The model; `model_fields_set` has the names of the fields given.

    Raises:
        HTTPException: 400 if it is not JSON, 422 with every fault if it does not match the model.
    """
    content = read_json(raw)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise invalid(*(Detail(_field(fault["loc"]), fault["msg"]) for fault in faults)) from None


def read_object(raw: bytes) -> Mapping[str, Any]:
    """Parse a body that may be any JSON object."""
    content = read_json(raw)
    if not is_object(content):
        raise invalid(Detail("body", "Input should be an object"))
    return content


def read_json(raw: bytes) -> Any:
    """Parse JSON as the standard defines it: UTF-8, finite numbers; nested `MAX_DEPTH` levels at most."""
    if not raw:
        raise bad_request("The body is empty; JSON is expected.", "body")
    try:
        content = parse_json(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The body is not JSON: {error}", "body") from None
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and is_deeper_than(content, MAX_DEPTH):
        raise bad_request(f"The body is nested deeper than {MAX_DEPTH} levels.", "body")
    return content


def is_deeper_than(content: Any, levels: int) -> bool:
    """Return whether objects and arrays are nested deeper than `levels`."""
    layer: list[Any] = [content]
    for _ in range(levels + 1):
        layer = [item for item in layer if is_object(item) or is_array(item)]
        if not layer:
            return False
        layer = [inner for item in layer for inner in (item.values() if is_object(item) else item)]
    return True


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "body"
