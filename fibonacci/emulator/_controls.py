"""The half of the emulator's face that a test drives it by: keys, approvals, and the record of requests."""

from __future__ import annotations

from fibonacci.emulator.app import App
from fibonacci.emulator.errors import ApiError
from fibonacci.emulator.keys import Role
from fibonacci.emulator.record import Requests
from fibonacci.models import Execution


class Controls:
    """What a test may do to an emulator besides calling it."""

    _app: App

    def key(self, role: Role = "member", *, name: str | None = None) -> str:
        """Return a key with another role than the owner's.

        Everybody may read; members may change workflows, memory and connections, and run workflows; admins may also
        look into versions, roll back, and decide about the registry and tool policies; governance and quotas are
        the owner's. What a role may not do is a 403 with the code `permission_denied`.

        Args:
            role: `owner`, `admin`, `member` or `viewer`.
            name: Whose key it is; by default the role itself stands in the audit log.

        Returns:
            The key: that of the owner, `-`, the role, and with a name another `-` and the name.

        Raises:
            ValueError: When there is no such role, or the name cannot stand in a key.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> Emulator(api_key="fib-local").key("viewer")
            'fib-local-viewer'
        """
        return self._app.keys.of(role, name)

    def approve(self, execution_id: str, *, by: str) -> Execution:
        """Approve a run that is `pending_approval`; it starts when enough people have.

        Args:
            execution_id: The run.
            by: Who approves. The settings `approval_threshold` and `allow_self_approval` of the emulator's organization
                say how many people it takes, and whether the one who asked for the run (the name or the role of the
                key, `owner` for the owner's) may be among them.

        Returns:
            The execution, which has run or still waits.

        Raises:
            ValueError: When the run does not wait, or this person may not approve it, or has done so already.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> client = emulator.client()
            >>> settings = client.organizations.governance.update("default", require_approval_for_external_comm=True)
            >>> node = {"id": "tell", "type": "tool", "tool": "email_send"}
            >>> workflow = client.workflows.create(name="Mail", definition={"nodes": [node]})
            >>> client.workflows.execute(workflow.id).status
            'pending_approval'
            >>> execution = client.executions.list(status="pending_approval").first()
            >>> emulator.approve(execution.id, by="ada").status
            'completed'
        """
        return self._decide(execution_id, by, approve=True)

    def reject(self, execution_id: str, *, by: str) -> Execution:
        """Reject a run that is `pending_approval`: it is `cancelled`.

        Args:
            execution_id: The run.
            by: Who rejects; one person is enough, also the one who asked for it.

        Returns:
            The execution.

        Raises:
            ValueError: When the run does not wait.
        """
        return self._decide(execution_id, by, approve=False)

    def _decide(self, execution_id: str, by: str, *, approve: bool) -> Execution:
        try:
            return Execution.model_validate(self._app.decide(execution_id, by, approve=approve))
        except ApiError as error:
            raise ValueError(error.message) from None

    @property
    def requests(self) -> Requests:
        """The requests that came, those that were refused too."""
        return Requests(self._app.log)
