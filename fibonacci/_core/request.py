"""One call of the API, described without sending it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from fibonacci._core.unset import UNSET, Unset
from fibonacci._core.urls import QueryValue

T_co = TypeVar("T_co", covariant=True)
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"] | str


@dataclass(frozen=True, slots=True)
class Request(Generic[T_co]):
    """A call whose response is read as a `T_co`.

    Attributes:
        method: The HTTP method.
        path: The path below the base URL, already encoded.
        returns: The type of the data; `NoneType` when it does not matter. For a list, the type of an item.
        params: Query parameters; None values are left out.
        body: The JSON body, or `UNSET` for none.
        timeout: Seconds for the whole call; `UNSET` takes the client's, and where that is not set either, the default.
        default_timeout: Seconds for the whole call when neither the call nor the client sets them; None for the usual.
        success_statuses: Error statuses that count as success when the body is a JSON object.
        can_retry: Whether failures may be retried at all.
        collection: For a list, the name of the resource in a response, such as `workflows`.
    """

    method: Method
    path: str
    returns: type[T_co]
    params: Mapping[str, QueryValue] = field(default_factory=dict[str, QueryValue])
    body: Any = UNSET
    timeout: float | Unset | None = UNSET
    default_timeout: float | None = None
    success_statuses: frozenset[int] = frozenset()
    can_retry: bool = True
    collection: str = "items"
