"""What a row of the endpoint table says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

NO_BODY: Final = object()
"""The call sends no body at all, which is not the same as `{}` or null."""


@dataclass(frozen=True)
class EndpointRow:
    """One call, the request that it has to send, and a response to it.

    Attributes:
        call: The call by its dotted name; `docs/openapi.yaml` has the same name as operationId.
        arguments: Its positional arguments.
        options: Its keyword arguments.
        method: The HTTP method.
        target: Path and query below the base URL, exactly as they stand on the wire.
        body: The JSON body, exactly.
        data: The object of the response, or the list of objects; None for a response without a body.
        returns: The type of the result, or of each item.
        status: The status of the documented response.
        bare: Whether the documented response has no envelope.
    """

    call: str
    method: str
    target: str
    data: Any
    returns: type
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body: Any = NO_BODY
    status: int = 200
    bare: bool = False

    def __str__(self) -> str:
        return f"{self.call}-{self.method} {self.target}"

    @property
    def is_list(self) -> bool:
        return isinstance(self.data, list)

    def on(self, client: Any) -> Any:
        """Make the call; `mode.run` brings the result to a plain value."""
        method = client
        for name in self.call.split("."):
            method = getattr(method, name)
        return method(*self.arguments, **self.options)
