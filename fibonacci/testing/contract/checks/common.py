"""What checks of several resources share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fibonacci import NotFoundError
from fibonacci.testing.contract.check import require, require_among, require_equal, require_type
from fibonacci.testing.contract.server import Disagreement, RawResponse, Server

UNKNOWN = "contract-suite-unknown"
"""An id that nothing has."""


def require_envelope(response: RawResponse) -> Any:
    """Return the data of a response in the full envelope.

    Args:
        response: The response.

    Raises:
        Disagreement: When it has another shape.
    """
    require_among(response.status, (200, 201), "the status")
    content = response.json
    require_type(content, dict, "the body")
    require_equal(sorted(content), ["data", "meta"], "what the body holds")
    require_type(content["meta"].get("request_id"), str, "meta.request_id")
    return content["data"]


def require_bare(response: RawResponse, *names: str) -> Any:
    """Return an object without an envelope.

    Args:
        response: The response.
        names: Fields that it has.

    Raises:
        Disagreement: When it has an envelope, or not these fields.
    """
    require_equal(response.status, 200, "the status")
    content = response.json
    require_type(content, dict, "the body")
    missing = [name for name in names if name not in content]
    require(not missing, f"the body has no {', '.join(missing)}")
    return content


def require_refusal(response: RawResponse, status: int) -> Any:
    """Return the error of a refusal in the documented envelope.

    Args:
        response: The response.
        status: The status that it should have.

    Raises:
        Disagreement: When it is no such refusal.
    """
    require_equal(response.status, status, "the status")
    content = response.json
    require_type(content, dict, "the body")
    require_equal(sorted(content), ["error"], "what the body holds")
    error = content["error"]
    require_type(error, dict, "error")
    for name in ("code", "message"):
        require_type(error.get(name), str, f"error.{name}")
        require(error[name], f"error.{name} is empty")
    require_type(error.get("details"), list, "error.details")
    return error


def require_not_found(call: Callable[[], object]) -> None:
    """Check that a call is refused with 404.

    Args:
        call: The call.

    Raises:
        Disagreement: When it succeeds.
    """
    try:
        call()
    except NotFoundError:
        return
    raise Disagreement("the call succeeds as if the object existed")


def items_of(response: RawResponse) -> list[Any]:
    """Return the objects of a page: those of `data`, or of the one list in it.

    Args:
        response: The response.

    Raises:
        Disagreement: When it is no page.
    """
    data: Any = response.json["data"]
    places: list[Any] = [data] if isinstance(data, list) else list(data.values())
    lists: list[list[Any]] = [place for place in places if isinstance(place, list)]
    require_equal(len(lists), 1, "the number of lists in data")
    return lists[0]


def named(run: Callable[[Server], None], endpoint: str) -> Callable[[Server], None]:
    """Return a check of many endpoints with the endpoint in its name.

    Args:
        run: The check.
        endpoint: The endpoint.
    """
    run.__name__ = f"{run.__name__}_{re.sub(r'[^a-z]+', '_', endpoint.lower()).strip('_')}"
    return run


def audit_entries(server: Server) -> int:
    """Return how many entries the audit log has.

    Args:
        server: The server.
    """
    return len(list(server.client.organizations.governance.audit(server.organization_id, page_size=100)))
