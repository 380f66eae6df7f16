# Derived from fibonacci/_async/tool_policies.py by tests/mirror.py; change that file, not this one.
"""`client.organizations.tool_policies`: which tools may be used, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType

from fibonacci._core.request import Request, page_params
from fibonacci._core.request_body import drop_unset, require_any
from fibonacci._core.unset import UNSET, Unset
from fibonacci._core.urls import path
from fibonacci._sync._resource import Resource
from fibonacci._sync.pager import Pager
from fibonacci.models.organizations import Role, RolePolicyOverride, ToolPolicy


class ToolPolicies(Resource):
    """Allow and forbid tools, for all or for a role.

    The platform documents `tool_name`, and that an unknown one is a 422. The other fields, and those of an exception
    for a role, are choices of the SDK: https://docs.fibonacci.today/explanation/contract-choices
    """

    def create(
        self,
        organization_id: str,
        *,
        tool_name: str,
        enabled: bool | Unset = UNSET,
        allowed_roles: Sequence[Role] | Unset | None = UNSET,
    ) -> ToolPolicy:
        """Make a policy for a tool (`POST /organizations/{organization_id}/tool-policies`).

        Args:
            organization_id: The id of the organization, such as `"acme"`.
            tool_name: The name of the tool, such as `"slack_send_message"`; see `tools.list`.
            enabled: Whether the tool may be used.
            allowed_roles: The roles that may use the tool, such as `["owner", "admin"]`, in any order.

        Returns:
            The policy as the platform stores it.

        Raises:
            ValidationError: If there is no such tool (documented: 422).
            ConflictError: If the tool has a policy already.
            PermissionDeniedError: If the key's role may not do this.
            APIError: If anything else goes wrong. It is not sent again once it may have been carried out: see
                `outcome_unknown`.
            TypeError: If `allowed_roles` is one string. Nothing is sent.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            policy = client.organizations.tool_policies.create(
                "acme", tool_name="email_send", enabled=True, allowed_roles=["owner", "admin"]
            )
            ```
        """
        body = drop_unset(tool_name=tool_name, enabled=enabled, allowed_roles=_plain(allowed_roles))
        where = path("/organizations/{organization_id}/tool-policies", organization_id=organization_id)
        return self._send(Request("POST", where, returns=ToolPolicy, body=body))

    def update(
        self,
        organization_id: str,
        tool_name: str,
        *,
        enabled: bool | Unset = UNSET,
        allowed_roles: Sequence[Role] | Unset | None = UNSET,
    ) -> ToolPolicy:
        """Change the given fields of a policy (`PATCH /organizations/{organization_id}/tool-policies/{tool_name}`).

        Arguments left out are not sent, and what they stand for stays as it is.

        Args:
            organization_id: The id of the organization, such as `"acme"`.
            tool_name: The name of the tool, such as `"slack_send_message"`.
            enabled: Whether the tool may be used.
            allowed_roles: The roles that may use the tool, such as `["owner", "admin"]`, in any order.

        Returns:
            The policy after the change.

        Raises:
            NotFoundError: If the tool has no policy.
            PermissionDeniedError: If the key's role may not do this.
            APIError: If anything else goes wrong. It is not sent again once it may have been carried out: see
                `outcome_unknown`.
            TypeError: If `allowed_roles` is one string. Nothing is sent.
            ValueError: If nothing is given to change, or `organization_id` or `tool_name` is empty, `.` or `..`.
                Nothing is sent.

        Example:
            ```python
            client.organizations.tool_policies.create("acme", tool_name="web_search", enabled=True)
            policy = client.organizations.tool_policies.update("acme", "web_search", enabled=False)
            ```
        """
        body = require_any(enabled=enabled, allowed_roles=_plain(allowed_roles))
        where = path(
            "/organizations/{organization_id}/tool-policies/{tool_name}",
            organization_id=organization_id,
            tool_name=tool_name,
        )
        return self._send(Request("PATCH", where, returns=ToolPolicy, body=body))

    def delete(self, organization_id: str, tool_name: str) -> None:
        """Delete a policy (`DELETE /organizations/{organization_id}/tool-policies/{tool_name}`).

        Args:
            organization_id: The id of the organization, such as `"acme"`.
            tool_name: The name of the tool, such as `"slack_send_message"`.

        Raises:
            NotFoundError: If the tool has no policy.
            PermissionDeniedError: If the key's role may not do this.
            APIError: If anything else goes wrong.
            ValueError: If `organization_id` or `tool_name` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            client.organizations.tool_policies.create("acme", tool_name="calculator", enabled=False)
            client.organizations.tool_policies.delete("acme", "calculator")
            ```
        """
        where = path(
            "/organizations/{organization_id}/tool-policies/{tool_name}",
            organization_id=organization_id,
            tool_name=tool_name,
        )
        self._send(Request("DELETE", where, returns=NoneType))

    def create_role_override(
        self, organization_id: str, *, role: Role, tool_name: str, enabled: bool | Unset = UNSET
    ) -> RolePolicyOverride:
        """Make an exception for a role (`POST /organizations/{organization_id}/role-policy-overrides`).

        Args:
            organization_id: The id of the organization, such as `"acme"`.
            role: The role: owner, admin, member or viewer.
            tool_name: The name of the tool, such as `"slack_send_message"`; see `tools.list`.
            enabled: Whether that role may use that tool.

        Returns:
            The exception as the platform stores it.

        Raises:
            ValidationError: If there is no such tool or role.
            ConflictError: If there is such an exception already.
            PermissionDeniedError: If the key's role may not do this.
            APIError: If anything else goes wrong. It is not sent again once it may have been carried out: see
                `outcome_unknown`.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            override = client.organizations.tool_policies.create_role_override(
                "acme", role="viewer", tool_name="email_send", enabled=False
            )
            ```
        """
        body = drop_unset(role=role, tool_name=tool_name, enabled=enabled)
        where = path("/organizations/{organization_id}/role-policy-overrides", organization_id=organization_id)
        return self._send(Request("POST", where, returns=RolePolicyOverride, body=body))

    def list_role_overrides(
        self, organization_id: str, *, page_size: int | None = None, cursor: str | None = None
    ) -> Pager[RolePolicyOverride]:
        """List the exceptions for roles (`GET /organizations/{organization_id}/role-policy-overrides`).

        Args:
            organization_id: The id of the organization, such as `"acme"`.
            page_size: The number of items that each request asks for. Default: the platform's.
            cursor: Where to begin: the `next_cursor` of an earlier page.

        Returns:
            A pager that yields every exception. It has `pages()`, `first()` and `take()` too.

        Raises:
            APIError: While it is iterated, if anything goes wrong.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            for override in client.organizations.tool_policies.list_role_overrides("acme"):
                print(override.role, override.tool_name, override.enabled)
            ```
        """
        where = path("/organizations/{organization_id}/role-policy-overrides", organization_id=organization_id)
        params = page_params(page_size, cursor)
        request = Request("GET", where, returns=RolePolicyOverride, params=params, collection="role-policy-overrides")
        return self._pager(request)

    def list(
        self, organization_id: str, *, page_size: int | None = None, cursor: str | None = None
    ) -> Pager[ToolPolicy]:
        """List the policies of an organization (`GET /organizations/{organization_id}/tool-policies`).

        Args:
            organization_id: The id of the organization, such as `"acme"`.
            page_size: The number of items that each request asks for. Default: the platform's.
            cursor: Where to begin: the `next_cursor` of an earlier page.

        Returns:
            A pager that yields every policy. It has `pages()`, `first()` and `take()` too.

        Raises:
            APIError: While it is iterated, if anything goes wrong.
            ValueError: If `organization_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            for policy in client.organizations.tool_policies.list("acme"):
                print(policy.tool_name, policy.enabled)
            ```
        """
        where = path("/organizations/{organization_id}/tool-policies", organization_id=organization_id)
        params = page_params(page_size, cursor)
        return self._pager(Request("GET", where, returns=ToolPolicy, params=params, collection="tool-policies"))


def _plain(roles: Sequence[Role] | Unset | None) -> Sequence[Role] | Unset | None:
    """Any sequence as one that has a JSON form; a single string is a mistake, not a sequence of letters.

    Raises:
        TypeError: If it is one string.
    """
    if isinstance(roles, str):
        raise TypeError(f"allowed_roles must be a list of roles, not the str {roles!r}; write [{roles!r}]")
    return roles if roles is None or isinstance(roles, Unset) else [*roles]
