"""One call of the API, described without sending it, and its JSON body, checked before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeVar, cast

from pydantic import BaseModel

from fibonacci._core.options import UNSET, Unset, check_int
from fibonacci._core.urls import QueryValue
from fibonacci._remedies import argument, json_remedy
from fibonacci._texts.text import is_unicode, printable_line

if TYPE_CHECKING:
    import json

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"] | str

_NO_PARAMS: Final[Mapping[str, QueryValue]] = MappingProxyType({})
_USUAL_PAGE: Final = 50  # items, as platforms commonly have it, though not documented

LARGEST_PAGE: Final = 200
"""The most items that the SDK asks for on a page. How many the platform allows isn't documented either."""


class Request(NamedTuple, Generic[T_co]):
    """A call whose response is read as a `T_co`.

    A named tuple, as `Attempt` and `Retry` are: a dataclass costs a first call half a millisecond to define.

    Attributes:
        method: The HTTP method.
        path: The path below the base URL, already encoded.
        returns: The type of the data. `NoneType` if it doesn't matter. For a list, the type of an item.
        params: Query parameters. None values are left out.
        body: The JSON body, or `UNSET` for none.
        timeout: Seconds for the whole call. `UNSET` takes the client's, or the default if that isn't set either.
        default_timeout: Seconds for the whole call when neither the call nor the client sets them. None for the usual.
        success_statuses: Error statuses that count as success when the body is a JSON object.
        can_retry: Whether failures may be retried at all.
        collection: For a list, the name of the resource in a response, such as `workflows`.
        idempotency_key: The `Idempotency-Key` of a POST. None for the one in the client's headers, or a new one.
        asked_id: The ID that the object in the response must have. None if any will do.
    """

    method: Method
    path: str
    returns: type[T_co]
    params: Mapping[str, QueryValue] = _NO_PARAMS
    body: Any = UNSET
    timeout: float | Unset | None = UNSET
    default_timeout: float | None = None
    success_statuses: frozenset[int] = frozenset()
    can_retry: bool = True
    collection: str = "items"
    idempotency_key: str | None = None
    asked_id: str | None = None


def page_params(page_size: int | None, cursor: str | None) -> dict[str, QueryValue]:
    """Return the query parameters of a list. `page_size` is `limit` on the wire (choice).

    Raises:
        TypeError: If `page_size` isn't an int.
    """
    if page_size is not None:
        check_int("page_size", page_size)
    return {"limit": page_size, "cursor": cursor}


def request_to_take(request: Request[T], n: int) -> Request[T]:
    """Return the request for the first `n` items of a list: of a few items, it asks for no more than these.

    For more, the size of a page is left to the platform, which documents no largest one.
    """
    if request.params.get("limit") is not None or n >= _USUAL_PAGE:
        return request
    return request._replace(params={**request.params, "limit": n})


def _plain(value: object) -> object:
    """Return the JSON form of the two kinds of object that have an obvious one."""
    if isinstance(value, BaseModel):
        return dumped(value)
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    raise TypeError(f"no JSON form for {type(value).__name__}")


def dumped(model: BaseModel) -> object:
    """Return a model as JSON: one of this package as the platform sent it, another as its class says."""
    if any(base.__module__.startswith("fibonacci.") for base in type(model).__mro__):
        return model.model_dump(mode="json", exclude_unset=True)
    return model.model_dump(mode="json", by_alias=True)


@cache
def _encoder(*, sort_keys: bool = False) -> json.JSONEncoder:
    import json  # only with a body: most first calls have none

    return json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain, sort_keys=sort_keys
    )


def drop_unset(**fields: object) -> dict[str, object]:
    """Return the fields that are set: None is sent as null, `UNSET` isn't sent."""
    return {name: value for name, value in fields.items() if not isinstance(value, Unset)}


def require_any(**fields: object) -> dict[str, object]:
    """Return the fields that are set, at least one.

    Raises:
        ValueError: If none is: the call would change nothing.
    """
    body = drop_unset(**fields)
    if not body:
        raise ValueError(f"nothing to change: give at least one of {', '.join(map(argument, fields))}")
    return body


def encode(body: object) -> bytes:
    """Return a body as JSON.

    Raises:
        TypeError: If a value in it has no JSON form. The message names its place and the remedy.
        ValueError: If it holds NaN, an infinity, a lone surrogate, or itself.
    """
    try:
        return _encoder().encode(body).encode()
    except (TypeError, ValueError, RecursionError) as error:
        _explain(body, "", depth=0)
        raise ValueError(f"the body has no JSON form: {error}") from None


def canonical(body: object) -> str:
    """Return a body as JSON with sorted keys: the same text for bodies that are equal.

    Raises:
        TypeError: If a value in it has no JSON form. The message names its place and the remedy.
        ValueError: If it holds NaN, an infinity, a lone surrogate, or itself.
    """
    try:
        text = _encoder(sort_keys=True).encode(body)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        encode(body)  # explains, unless it is just that the keys can't be sorted
        raise TypeError(f"the body has keys of several types ({error}). Use str keys") from None
    return text


def _explain(value: object, place: str, *, depth: int) -> None:
    """Raise an error that names the place of the first value without a JSON form."""
    if depth > 200:
        raise ValueError(f"{place[:80]}... is nested too deeply or contains itself. Send plain, finite data")
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[object, object]", value).items():
            if not isinstance(key, str | int | float | bool | None):
                raise TypeError(f"{place or 'the body'} has a key of type {type(key).__name__}. Use str keys")
            name = printable_line(str(key))
            _explain(inner, f"{place}.{name}" if place else name, depth=depth + 1)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(cast("list[object]", value)):
            _explain(inner, f"{place}[{index}]", depth=depth + 1)
    elif isinstance(value, BaseModel):
        _explain(dumped(value), place, depth=depth + 1)
    else:
        _explain_leaf(value, place or "the body")


def _explain_leaf(value: object, place: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place} is {value}, which JSON cannot represent. Use null (None) or a finite number")
    if isinstance(value, str):
        if not is_unicode(value):
            raise ValueError(f"{place} contains a lone surrogate, which is not valid text. Check how it was decoded")
    elif not isinstance(value, int | float | bool | None):
        kind = type(value).__name__
        raise TypeError(f"{place} is of type {kind}, which has no JSON form: {json_remedy(value)}")
