"""From an id or a name to a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fibonacci import BadRequestError, Fibonacci, NotFoundError
from fibonacci._suggestions import did_you_mean
from fibonacci.cli.exit_codes import UsageError
from fibonacci.models import Workflow

if TYPE_CHECKING:
    from collections.abc import Iterable

NOT_AN_ID = (NotFoundError, BadRequestError)
"""What a platform answers to the name of a workflow in place of its id; a name may not even have the form of an id."""

_PAGE_SIZE = 200


def workflow_id_of(client: Fibonacci, reference: str) -> str:
    """Return the id of the workflow with an id or a name; see `workflow_of`."""
    return workflow_of(client, reference).id


def workflow_of(client: Fibonacci, reference: str) -> Workflow:
    """Return the workflow with an id or a name. An id comes first.

    Args:
        client: The client.
        reference: The id or name.

    Returns:
        The workflow; one that was found by its name is as the list has it.

    Raises:
        UsageError: If there is none, or more than one with the name.
        APIError: If a request fails.
    """
    try:
        return client.workflows.get(reference)
    except (*NOT_AN_ID, ValueError):
        listed = list(client.workflows.list(page_size=_PAGE_SIZE))
    if found := _named(listed, reference):
        return found
    remedy = did_you_mean(reference, [each.name for each in listed if each.name is not None])
    raise UsageError(f"no workflow has the id or the name {reference!r}{remedy}")


def workflow_named(client: Fibonacci, name: str) -> Workflow | None:
    """Return the workflow with a name, as the list has it; None if there is none, or if the name is the id of one.

    Raises:
        UsageError: If more than one has the name.
        APIError: If a request fails.
    """
    listed = list(client.workflows.list(page_size=_PAGE_SIZE))
    return None if any(each.id == name for each in listed) else _named(listed, name)


def _named(workflows: Iterable[Workflow], name: str) -> Workflow | None:
    found = [each for each in workflows if each.name == name]
    if len(found) > 1:
        ids = ", ".join(each.id for each in found)
        raise UsageError(f"{len(found)} workflows have the name {name!r}: pass an id, one of {ids}")
    return found[0] if found else None
