"""Workflows by name: the workflow that a typed name or ID means, and the names that people read in place of IDs."""

from __future__ import annotations

from typing import Final

from fibonacci import APIStatusError, BadRequestError, Fibonacci, FibonacciError, NotFoundError
from fibonacci._core.request import LARGEST_PAGE
from fibonacci._texts.suggestions import did_you_mean
from fibonacci.cli.exit_codes import UsageError
from fibonacci.models import Workflow

NOT_AN_ID = (NotFoundError, BadRequestError)
"""What a platform answers to the name of a workflow in place of its ID. A name may not even have the form of an ID."""


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
        AmbiguousNameError: If there is more than one with the name.
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


# What reading names may take: they only make a list easier to read, so nobody waits for them.
_SECONDS: Final = 2.0
_MOST_LOOKUPS: Final = 20


class WorkflowNames:
    """The names of workflows, for people, in few requests.

    The first workflow is looked up. Then a page of the newest is read, and others are looked up, each one time.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: Fibonacci) -> None:
        self._client = client.with_options(timeout=_SECONDS, max_retries=0)
        self._names: dict[str, str] = {}
        self._lookups = 0
        self._is_listed = False

    def name_of(self, workflow_id: str) -> str:
        """Return the name of a workflow, or its ID if it has no name or it can't be read."""
        if workflow_id not in self._names and self._lookups and not self._is_listed:
            self._is_listed = True
            self._names.update(self._listed())
        if workflow_id not in self._names:
            self._names[workflow_id] = self._looked_up(workflow_id)
        return self._names[workflow_id]

    def _listed(self) -> dict[str, str]:
        try:
            page = next(iter(self._client.workflows.list(page_size=LARGEST_PAGE).pages()))
        except FibonacciError:  # the key may not list them
            return {}
        return {workflow.id: workflow.name or workflow.id for workflow in page.items}

    def _looked_up(self, workflow_id: str) -> str:
        if self._lookups >= _MOST_LOOKUPS:
            return workflow_id
        self._lookups += 1
        try:
            return self._client.workflows.get(workflow_id).name or workflow_id
        except APIStatusError:  # it was deleted, or the key may not see it
            return workflow_id
        except (FibonacciError, ValueError):  # no connection, the rate limit: the others would fail too
            self._lookups = _MOST_LOOKUPS
            return workflow_id
