# Derived from fibonacci/_async/memory.py by tests/tools/mirror.py; change that file, not this one.
"""`client.memory`: store values under a key."""

from __future__ import annotations

from types import NoneType
from typing import Any

from fibonacci._core.options import UNSET, Unset
from fibonacci._core.request import Request, drop_unset
from fibonacci._core.urls import path
from fibonacci._core.workflow_requests import id_of
from fibonacci._sync.resource import Resource
from fibonacci.models.memory import MemoryEntry, MemoryScope
from fibonacci.models.workflows import Workflow


class Memory(Resource):
    """Store values under a key, for a workflow, a user, an organization, or everyone.

    The platform documents the scopes and `ttl` for the memory that workflows use. It doesn't document how calls send
    them, so the parameters that the SDK sends are an assumption:
    https://docs.fibonacci.today/explanation/contract-choices
    """

    def get(
        self,
        key: str,
        *,
        scope: MemoryScope | None = None,
        user_id: str | None = None,
        workflow_id: str | Workflow | None = None,
    ) -> MemoryEntry:
        """Return the value under a key (`GET /memory/{key}`).

        Args:
            key: The key: any text, such as `"user/prefs"`.
            scope: Who shares the value: workflow (the platform's default), user, organization or global.
            user_id: The ID of the user, for the scope `user`.
            workflow_id: The ID of the workflow, or the `Workflow`, for the scope `workflow`.

        Returns:
            The entry. Its `value` is any JSON, and `expires_at` says when it expires.

        Raises:
            NotFoundError: If there is no value under this key, or it has expired.
            APIError: If the call fails for any other reason.
            ValueError: If `key` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            client.memory.set("greeting", "hello", scope="global")
            entry = client.memory.get("greeting", scope="global")
            assert entry.value == "hello"
            ```
        """
        params = {"scope": scope, "user_id": user_id, "workflow_id": id_of(workflow_id)}
        return self._send(Request("GET", path("/memory/{key}", key=key), returns=MemoryEntry, params=params))

    def set(
        self,
        key: str,
        value: Any,
        *,
        scope: MemoryScope | Unset = UNSET,
        user_id: str | Unset | None = UNSET,
        workflow_id: str | Workflow | Unset | None = UNSET,
        ttl: int | Unset | None = UNSET,
    ) -> MemoryEntry:
        """Store a value under a key, and replace an earlier one (`PUT /memory/{key}`).

        Args:
            key: The key: any text, such as `"user/prefs"`.
            value: Any JSON.
            scope: Who shares the value: workflow (the platform's default), user, organization or global.
            user_id: The ID of the user, for the scope `user`.
            workflow_id: The ID of the workflow, or the `Workflow`, for the scope `workflow`.
            ttl: Whole seconds to keep it. Default: forever.

        Returns:
            The entry as the platform stores it.

        Raises:
            ValidationError: If the platform rejects the value.
            APIError: If the call fails for any other reason.
            TypeError: If the value can't be represented in JSON. Nothing is sent.
            ValueError: If the value contains NaN or infinity, or `key` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            client.memory.set("user/prefs", {"theme": "dark"}, scope="user", user_id="ada", ttl=3600)
            ```
        """
        body = drop_unset(value=value, scope=scope, user_id=user_id, workflow_id=id_of(workflow_id), ttl=ttl)
        return self._send(Request("PUT", path("/memory/{key}", key=key), returns=MemoryEntry, body=body))

    def delete(
        self,
        key: str,
        *,
        scope: MemoryScope | None = None,
        user_id: str | None = None,
        workflow_id: str | Workflow | None = None,
    ) -> None:
        """Delete the value under a key (`DELETE /memory/{key}`).

        Args:
            key: The key: any text, such as `"user/prefs"`.
            scope: Who shares the value: workflow (the platform's default), user, organization or global.
            user_id: The ID of the user, for the scope `user`.
            workflow_id: The ID of the workflow, or the `Workflow`, for the scope `workflow`.

        Raises:
            NotFoundError: If there is no value under this key.
            APIError: If the call fails for any other reason.
            ValueError: If `key` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            client.memory.set("draft", "...", scope="global")
            client.memory.delete("draft", scope="global")
            ```
        """
        params = {"scope": scope, "user_id": user_id, "workflow_id": id_of(workflow_id)}
        self._send(Request("DELETE", path("/memory/{key}", key=key), returns=NoneType, params=params))
