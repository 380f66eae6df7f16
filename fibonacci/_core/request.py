"""One call of the API, described without sending it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

from fibonacci._core.option_checks import check_int
from fibonacci._core.unset import UNSET, Unset
from fibonacci._core.urls import QueryValue

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"] | str


_NO_PARAMS: Final[Mapping[str, QueryValue]] = MappingProxyType({})
_USUAL_PAGE: Final = 50  # items, as platforms commonly have it, though not documented


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
        idempotency_key: The `Idempotency-Key` of a POST. None for that of the client's headers, or a generated one.
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
