"""The server that is checked: a client of it, raw requests, and things made for a check and deleted after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any, Final

from fibonacci import Fibonacci, NotFoundError
from fibonacci.models import Execution, Workflow
from fibonacci.testing.contract.raw_requests import RawRequests

CHEAP: Final[Mapping[str, Any]] = {
    "nodes": [
        {
            "id": "ask",
            "type": "conditional",
            "left_value": "{{input.word}}",
            "operator": "equals",
            "right_value": "yes",
            "true_branch": ["taken"],
            "false_branch": ["left"],
        },
        {"id": "taken", "type": "conditional", "left_value": "a", "operator": "equals", "right_value": "a"},
        {"id": "left", "type": "conditional", "left_value": "a", "operator": "equals", "right_value": "a"},
    ]
}
"""A workflow of conditions alone: it calls no model and no tool, so running it costs nothing."""


class Server:
    """One server, and what the checks need to talk to it.

    Args:
        base_url: Where it is.
        api_key: The key to send.
        organization: The organization whose settings are looked at.
        sleep: Waits so many seconds.

    Attributes:
        client: A client of it.
        raw: Sends requests past the client.
        organization: The organization whose settings are looked at.
        sleep: Waits so many seconds.
    """

    def __init__(
        self, base_url: str, api_key: str, *, organization: str, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self.client: Final = Fibonacci(api_key, base_url=base_url, timeout=120)
        self.raw: Final = RawRequests(base_url, api_key)
        self.organization: Final = organization
        self.sleep: Final = sleep
        self._undo = ExitStack()

    def workflow(self, name: str = "Contract suite", **body: Any) -> Workflow:
        """Create a workflow that is deleted after the check.

        Args:
            name: Its name.
            body: Further fields of the request.
        """
        workflow = self.client.workflows.create(name=name, **body)
        self.afterwards(self.client.workflows.delete, workflow.id)
        return workflow

    def ran(self, word: str = "yes") -> Execution:
        """Run the cheap workflow to its end.

        Args:
            word: The input that decides the branch.
        """
        workflow = self.workflow(definition=CHEAP)
        execution = self.client.workflows.execute(workflow.id, inputs={"word": word})
        return execution if execution.is_terminal else self.client.executions.wait(execution.id, timeout=60)

    def key(self, name: str, **place: Any) -> str:
        """Return a key of memory that is deleted after the check.

        Args:
            name: The end of the key.
            place: The scope, and whose it is.
        """
        key = f"contract-suite-{name}"
        self.afterwards(self.client.memory.delete, key, **place)
        return key

    def path(self, rest: str) -> str:
        """Return a path of the organization.

        Args:
            rest: What follows the organization's id.
        """
        return f"/organizations/{self.organization}/{rest}"

    def afterwards(self, undo: Callable[..., object], *arguments: Any, **options: Any) -> None:
        """Have something undone after the check; what is gone already need not be.

        Args:
            undo: What to call.
            arguments: With what.
            options: And with what by name.
        """

        def carefully() -> None:
            with suppress(NotFoundError):
                undo(*arguments, **options)

        self._undo.callback(carefully)

    def tidy(self) -> None:
        """Undo what the check has done."""
        self._undo.close()

    def close(self) -> None:
        """Close the client."""
        self.client.close()
