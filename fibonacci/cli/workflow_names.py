"""From an id or a name to the id of a workflow."""

from __future__ import annotations

from fibonacci import BadRequestError, Fibonacci, NotFoundError, ValidationError
from fibonacci.cli.exit_codes import UsageError

_PAGE_SIZE = 200


def workflow_id_of(client: Fibonacci, reference: str) -> str:
    """Return the id of the workflow with an id or a name. An id comes first.

    Args:
        client: The client.
        reference: The id or name.

    Raises:
        UsageError: If there is none, or more than one with the name.
        APIError: If the platform cannot be asked.
    """
    try:
        return client.workflows.get(reference).id
    except (NotFoundError, BadRequestError, ValidationError, ValueError):  # a name may not even have the form of an id
        ids = [each.id for each in client.workflows.list(limit=_PAGE_SIZE) if each.name == reference]
    if not ids:
        raise UsageError(f"no workflow has the id or the name {reference!r}")
    if len(ids) > 1:
        raise UsageError(f"{len(ids)} workflows have the name {reference!r}: pass an id, one of {', '.join(ids)}")
    return ids[0]
