"""The part of `Emulator` that controls it: keys, approvals, failures, and the request log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fibonacci.emulator.account.auth import KeyRole
from fibonacci.emulator.app.app import App
from fibonacci.emulator.app.request_log import Requests
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.faults.fault import FailureKind, FailureSpec, InjectedFailure
from fibonacci.emulator.faults.injector import InjectedFailures
from fibonacci.emulator.http.errors import HTTPException
from fibonacci.models import Execution


class Controls:
    """Controls of an emulator, for tests."""

    _app: App

    def key(self, role: KeyRole = "member", *, name: str | None = None) -> str:
        """Return the key of a role.

        Every role may read; members may also change workflows, memory and connections, and run workflows; admins may
        also read versions, roll back, and change the registry and tool policies; only the owner may change governance
        and quotas. A call that the role does not allow is a 403 with the code `permission_denied`.

        Args:
            role: `owner`, `admin`, `member` or `viewer`.
            name: The person's name in the audit log; the role by default.

        Returns:
            The key. It derives from the owner's, the same in every process, and does not disclose it.

        Raises:
            ValueError: If there is no such role, or a key cannot contain the name.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> Emulator(api_key="fib-local").key("viewer")
            'fib-viewer-...'
        """
        return self._app.keys.of(role, name)

    def approve(self, execution_id: str, *, by: str) -> Execution:
        """Approve a run that is `pending_approval`; it starts after the last approval required.

        Args:
            execution_id: The run.
            by: Who approves: the role `admin` or `owner`, or a person with such a role, known by a named key. The
                settings `approval_threshold` and `allow_self_approval` of the emulator's organization define how many
                have to, and whether the requester (the name or the role of the key, `owner` for the owner's) may be one
                of them.

        Returns:
            The execution; it has run, or waits for further approvals.

        Raises:
            ValueError: If the run does not wait for approval, or this person may not approve it or has done so already.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> client = emulator.client()
            >>> settings = client.organizations.governance.update("default", require_approval_for_external_comm=True)
            >>> mail = {"to": "team@example.org", "subject": "News", "body": "High tide at noon"}
            >>> node = {"id": "tell", "type": "tool", "tool": "email_send", "params": mail}
            >>> workflow = client.workflows.create(name="Mail", definition={"nodes": [node]})
            >>> client.workflows.execute(workflow.id).status
            'pending_approval'
            >>> execution = client.executions.list(status="pending_approval").first()
            >>> emulator.approve(execution.id, by="admin").status
            'completed'
        """
        return self._decide(execution_id, by, approve=True)

    def reject(self, execution_id: str, *, by: str) -> Execution:
        """Reject a run that is `pending_approval`: it is `cancelled`.

        Args:
            execution_id: The run.
            by: Who rejects, as with `approve`. One is enough, and the requester may be that one.

        Returns:
            The execution, whose status is `cancelled`.

        Raises:
            ValueError: If the run does not wait for approval, or this person may not decide.
        """
        return self._decide(execution_id, by, approve=False)

    def _decide(self, execution_id: str, by: str, *, approve: bool) -> Execution:
        try:
            return Execution.model_validate(self._app.approvals.decide(execution_id, by, approve=approve))
        except HTTPException as error:
            raise ValueError(error.message) from None

    @property
    def warnings(self) -> list[EmulatorWarning]:
        """What in workflows and requests is unknown, not supported, or has no effect: each once, the oldest first.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> node = {"id": "find", "type": "tool", "tool": "serch"}
            >>> workflow = emulator.client().workflows.create(name="Search", definition={"nodes": [node]})
            >>> execution = emulator.client().workflows.execute(workflow.id)
            >>> [warning.code for warning in emulator.warnings]
            ['unknown_tool']
        """
        return self._app.warnings.all()

    @property
    def requests(self) -> Requests:
        """The requests received, refused ones included."""
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
    ) -> InjectedFailure:
        """Inject a failure into the next requests to a route.

        On a socket it happens to the connection itself; in process the transport raises the error that it causes, at
        once if only a timeout could follow. Of several failures for a request the oldest is used up first. A failing
        request does not count toward rate limits, unless it is carried out first.

        Args:
            route: A method and a path, such as `POST /workflows/{id}/execute`; either may be `*`, and `*` alone is all.
            kind: `status`, `rate_limit`, `html`, `reset` or `stall`: the request is not carried out; `no_reply`, `cut`,
                `drip` or `delay`: it is. See `FailureKind`.
            status: The HTTP status code of the response, with the first three kinds. Default: 500, 429 and 200.
            times: How many requests fail; `None` for all, until `failures.clear()`.
            body: The body of that response: bytes, text, or anything else as JSON. Default: the documented error.
            headers: Further headers of that response, by name.
            retry_after: Its `Retry-After`: seconds, or a text as it is. Default: 1 with `rate_limit`.
            seconds: The wait of `drip` (default 0.05) and `delay` (default 1), in real seconds.

        Returns:
            The failure; `delivered` counts how often it has happened.

        Raises:
            ValueError: If no endpoint matches the route, or the arguments do not fit the kind or each other.

        Example:
            >>> from fibonacci.emulator import Emulator
            >>> emulator = Emulator()
            >>> failure = emulator.fail("PUT /memory/{key}", "no_reply")
            >>> emulator.client().memory.set("color", "blue").response.attempts
            2
            >>> failure.delivered
            1
        """
        return self._app.faults.inject(
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
        self, *, random_seed: int = 0, rate: float = 0.05, route: str = "*", kinds: Sequence[FailureKind] = ()
    ) -> list[InjectedFailure]:
        """Let requests fail at random, reproducibly: the same requests in the same order fail alike.

        Args:
            random_seed: A whole number; each has other failures.
            rate: The share of requests that fail, from 0 to 1; 0 stops the chaos.
            route: Which requests, as with `fail`.
            kinds: The kinds of failure, each equally likely. Default: a 503, `reset`, `no_reply` and `cut`.

        Returns:
            A failure for each kind, in the order of `kinds`; `failures.delivered` is their total.

        Raises:
            ValueError: If the rate or a kind is not valid, or no endpoint matches the route.
        """
        return list(self._app.faults.chaos(random_seed, rate, route, kinds))

    @property
    def failures(self) -> InjectedFailures:
        """The injected failures with their counts; `clear()` removes them."""
        return InjectedFailures(self._app.faults)
