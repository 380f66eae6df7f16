"""The half of the emulator's face that a test drives it by: keys, approvals, failures, and the record of requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fibonacci.emulator.account.auth import KeyRole
from fibonacci.emulator.app.app import App
from fibonacci.emulator.app.request_log import Requests
from fibonacci.emulator.faults.fault import Failure, FailureKind, FailureSpec
from fibonacci.emulator.faults.injector import Failures
from fibonacci.emulator.http.errors import HTTPException
from fibonacci.models import Execution


class Controls:
    """What a test may do to an emulator besides calling it."""

    _app: App

    def key(self, role: KeyRole = "member", *, name: str | None = None) -> str:
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
        except HTTPException as error:
            raise ValueError(error.message) from None

    @property
    def requests(self) -> Requests:
        """The requests that came, those that were refused too."""
        return Requests(self._app.log)

    def fail(
        self,
        route: str = "*",
        kind: FailureKind = "status",
        *,
        status: int | None = None,
        times: int | None = 1,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        retry_after: float | str | None = None,
        seconds: float | None = None,
    ) -> Failure:
        """Order a failure for the next requests to a route.

        On a socket it really happens to the connection; in process the client gets the exception that its HTTP library
        raises for it, at once when nothing but a timeout could follow. Of several orders that fit a request the oldest
        is used up first. A request that fails takes nothing from rate limits, unless it is carried out first.

        Args:
            route: A method and a path, such as `POST /workflows/{id}/execute`; either may be `*`, and `*` alone is all.
            kind: `status`, `rate_limit`, `html`, `reset` or `stall` instead of what was asked for; `no_reply`, `cut`,
                `drip` or `delay` after it was done. See `FailureKind`.
            status: The status of the answer, with the first three kinds; 500, 429 and 200 unless told.
            times: To how many requests; `None` for all, until `failures.clear()`.
            body: The body of that answer: bytes, text, or anything else as JSON; by default the documented error.
            headers: Further headers of that answer.
            retry_after: Its `Retry-After`: seconds, or a text as it is. A `rate_limit` says 1 unless told.
            seconds: The wait of `drip` (0.05 unless told) and `delay` (1 unless told), in real seconds.

        Returns:
            The failure; `delivered` counts how often it has happened.

        Raises:
            ValueError: When no endpoint fits the route, or the arguments do not fit the kind or each other.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> failure = emulator.fail("PUT /memory/{key}", "no_reply")
            >>> emulator.client().memory.set("colour", "blue").response.attempts
            2
            >>> failure.delivered
            1
        """
        return self._app.faults.order(
            FailureSpec(
                route=route,
                kind=kind,
                times=times,
                status=status,
                body=body,
                headers=headers,
                retry_after=retry_after,
                seconds=seconds,
            )
        )

    def chaos(
        self, *, seed: int = 0, rate: float = 0.05, route: str = "*", kinds: Sequence[FailureKind] = ()
    ) -> list[Failure]:
        """Let requests fail at random; the same requests in the same order fail in the same way with the same seed.

        Args:
            seed: The seed.
            rate: The share of requests that fail, from 0 to 1; 0 ends the chaos.
            route: Which requests, as with `fail`.
            kinds: What may happen, all alike often; by default a 503, `reset`, `no_reply` and `cut`.

        Returns:
            A failure for each kind; `failures.delivered` counts them all.

        Raises:
            ValueError: When there is no such rate or kind, or no endpoint fits the route.
        """
        return self._app.faults.chaos(seed, rate, route, kinds)

    @property
    def failures(self) -> Failures:
        """The failures that were ordered, with what became of them; `clear()` takes them back."""
        return Failures(self._app.faults)
