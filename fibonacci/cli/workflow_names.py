"""From an id or a name to a workflow."""

from __future__ import annotations

from fibonacci import BadRequestError, Fibonacci, NotFoundError
from fibonacci._suggestions import did_you_mean
from fibonacci.cli.exit_codes import UsageError
from fibonacci.models import Workflow

NOT_AN_ID = (NotFoundError, BadRequestError)
"""What a platform answers to the name of a workflow in place of its id; a name may not even have the form of an id."""


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
        UsageError: If there is none.
        AmbiguousNameError: If there is more than one with the name.
        APIError: If a request fails.
    """
    try:
        return client.workflows.get(reference)
    except (*NOT_AN_ID, ValueError):
        found = client.workflows.find(reference)
    if found is None:
        remedy = did_you_mean(reference, [each.name for each in client.workflows.list() if each.name is not None])
        raise UsageError(f"no workflow has the id or the name {reference!r}{remedy}")
    return found
