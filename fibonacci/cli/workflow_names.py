"""Workflow names: finding the workflow for a typed name or ID, and showing names instead of IDs."""

from __future__ import annotations

from typing import Final

from fibonacci import BadRequestError, Fibonacci, FibonacciError, NotFoundError
from fibonacci._core.request import LARGEST_PAGE
from fibonacci._texts.suggestions import did_you_mean
from fibonacci.cli.exit_codes import UsageError
from fibonacci.models import Workflow

NOT_AN_ID = (NotFoundError, BadRequestError)
"""The errors that a name in place of an ID can cause. The name may not even look like an ID."""


def workflow_id_of(client: Fibonacci, reference: str) -> str:
    """Return the ID of the workflow with an ID or a name (see `workflow_of`)."""
    return workflow_of(client, reference).id


def workflow_of(client: Fibonacci, reference: str) -> Workflow:
    """Return the workflow with an ID or a name. An ID comes first.

    Args:
        client: The client.
        reference: The ID or name.

    Returns:
        The workflow. One that was found by its name is as the list has it.

    Raises:
        UsageError: If there is none.
        AmbiguousNameError: If several have that name.
        APIError: If a request fails.
    """
    try:
        return client.workflows.get(reference)
    except (*NOT_AN_ID, ValueError):
        workflow = client.workflows.find(reference)
    if workflow is None:
        remedy = did_you_mean(reference, [listed.name for listed in client.workflows.list() if listed.name is not None])
        raise UsageError(f"no workflow has the id or the name {reference!r}{remedy}")
    return workflow


# How long reading names may take. They only make a list easier to read, so nobody should wait for them.
_SECONDS: Final = 2.0


def names_of_workflows(client: Fibonacci) -> dict[str, str]:
    """Return the names of the newest workflows by ID, for people. Empty if they can't be read."""
    quick = client.with_options(timeout=_SECONDS, max_retries=0)
    try:
        page = next(iter(quick.workflows.list(page_size=LARGEST_PAGE).pages()))
    except FibonacciError:  # no connection, or the key isn't allowed to list them
        return {}
    return {workflow.id: workflow.name for workflow in page.items if workflow.name}
