"""The server under test: a client, raw requests, and fixtures that are deleted after a check."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Final

from fibonacci import Fibonacci, NotFoundError
from fibonacci._sync.clock import Clock
from fibonacci.models import Execution, Workflow
from fibonacci.testing.contract.exchanges import RecordingTransport
from fibonacci.testing.contract.outcomes import NotInThisAPI, Skipped
from fibonacci.testing.contract.raw_requests import RawRequests
from fibonacci.transports import SocketTransport, Transport

if TYPE_CHECKING:
    from fibonacci._core.config import ApiVersion

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
"""A definition of conditionals only: it calls no model and no tool, so that running it costs nothing."""


class Server:
    """The server under test.

    Args:
        base_url: The base URL of the server.
        api_key: The API key of an owner.
        api_version: The API that it is checked for.
        organization_id: The id of the organization whose settings are checked.
        role_keys: The keys of other roles, such as `{"member": ...}`; checks that need one that is not there are
            skipped.
        transport: Sends the requests. Default: the SDK's own connections.
        clock: The source of time. Default: the machine's.

    Attributes:
        client: A client of the server.
        requests: Sends requests without the client, below the paths of the API.
        wire: What went over the wire.
        organization_id: The id of the organization whose settings are checked.
        sleep: Sleeps for a number of seconds.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        organization_id: str,
        role_keys: Mapping[str, str] | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
        api_version: ApiVersion = "v1",
    ) -> None:
        self.wire: Final = RecordingTransport(SocketTransport() if transport is None else transport)
        self.client: Final = Fibonacci(
            api_key, base_url=base_url, api_version=api_version, timeout=120, transport=self.wire, clock=clock
        )
        self.sleep: Final[Callable[[float], object]] = time.sleep if clock is None else clock.sleep
        prefix = "/api/v1" if api_version == "0.2" else ""
        self.requests: Final = RawRequests(self.client.base_url + prefix, api_key, self.wire, sleep=self.sleep)
        self._api_version = api_version
        self.organization_id: Final = organization_id
        self._role_keys = role_keys or {}
        self._keys = [api_key, *self._role_keys.values()]
        self._undo = ExitStack()

    @property
    def raw(self) -> RawRequests:
        """Sends requests of the documented API without the client.

        Raises:
            NotInThisAPI: When the server is checked for another API.
        """
        self.require_documented("the form of a request or response")
        return self.requests

    def require_documented(self, fact: str) -> None:
        """Raise `NotInThisAPI` unless the server is checked for the documented API.

        Args:
            fact: What another API does not have.
        """
        if self._api_version != "v1":
            raise NotInThisAPI(fact)

    def authorization_of(self, role: str) -> str:
        """Return the `Authorization` header of a role.

        Args:
            role: The role.

        Raises:
            Skipped: When there is no key of this role.
        """
        self.require_documented("roles")
        if role not in self._role_keys:
            raise Skipped(f"there is no key of the role {role}: pass --role-key {role}=KEY")
        return f"Bearer {self._role_keys[role]}"

    def redact(self, text: str) -> str:
        """Return a text with `***` in the place of every key.

        Args:
            text: The text.
        """
        for key in sorted(self._keys, key=len, reverse=True):  # the key of a role may begin with the owner's
            text = text.replace(key, "***")
        return text

    def create_workflow(self, name: str = "Contract suite", **body: Any) -> Workflow:
        """Create a workflow that is deleted after the check.

        Args:
            name: The name of the workflow.
            body: Further fields of the request.
        """
        workflow = self.client.workflows.create(name=name, **body)
        self.add_cleanup(self.client.workflows.delete, workflow.id)
        return workflow

    def run_workflow(self, word: str = "yes") -> Execution:
        """Run a workflow without cost to its end.

        Args:
            word: The input that decides the branch.
        """
        return self.run_definition(CHEAP, {"word": word})

    def run_definition(self, definition: Mapping[str, Any], inputs: Mapping[str, Any]) -> Execution:
        """Run a workflow of a definition to its end, whether it fails or not.

        Args:
            definition: The definition.
            inputs: The inputs by name.
        """
        workflow = self.create_workflow(definition=definition)
        execution = self.client.workflows.execute(workflow.id, inputs=dict(inputs))
        return execution if execution.is_terminal else self.client.executions.wait(execution.id, timeout=60)

    def memory_key(self, name: str, **place: Any) -> str:
        """Return a memory key that is deleted after the check.

        Args:
            name: The end of the key.
            place: The scope, and the user or workflow.
        """
        key = f"contract-suite-{name}"
        self.add_cleanup(self.client.memory.delete, key, **place)
        return key

    def path(self, rest: str) -> str:
        """Return the path of a resource of the organization.

        Args:
            rest: The path after the id of the organization.
        """
        return f"/organizations/{self.organization_id}/{rest}"

    def add_cleanup(self, undo: Callable[..., object], *arguments: Any, **options: Any) -> None:
        """Register a cleanup to call after the check; a resource that no longer exists is no error.

        Args:
            undo: The function to call.
            arguments: Its positional arguments.
            options: Its keyword arguments.
        """

        def undo_if_present() -> None:
            with suppress(NotFoundError):
                undo(*arguments, **options)

        self._undo.callback(undo_if_present)

    def do_cleanups(self) -> None:
        """Call the registered cleanups, the last first."""
        self._undo.close()

    def close(self) -> None:
        """Close the client and the connections."""
        self.client.close()
        self.wire.close()
