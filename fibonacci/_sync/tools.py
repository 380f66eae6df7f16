# Derived from fibonacci/_async/tools.py by tests/tools/mirror.py; change that file, not this one.
"""`client.tools`: look up and connect tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fibonacci._core.request import Request, page_params
from fibonacci._core.urls import path
from fibonacci._sync.resource import Pager, Resource
from fibonacci.models.tools import Tool, ToolConnection


class Tools(Resource):
    """Look up and connect tools.

    The platform documents the `name` and the `description` of a tool. It doesn't document the body of `connect`, so
    what the SDK sends is an assumption: https://docs.fibonacci.today/explanation/contract-choices
    """

    def get(self, tool_name: str) -> Tool:
        """Return one tool (`GET /tools/{tool_name}`).

        Args:
            tool_name: The name of the tool, such as `"slack_send_message"`.

        Returns:
            The tool, with its description. Fields that the SDK doesn't know are attributes too.

        Raises:
            NotFoundError: If the tool doesn't exist.
            APIError: If the call fails for any other reason.
            ValueError: If `tool_name` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            tool = client.tools.get("slack_send_message")
            print(tool.description)
            ```
        """
        return self._send(Request("GET", path("/tools/{tool_name}", tool_name=tool_name), returns=Tool))

    def connect(self, tool_name: str, *, params: Mapping[str, Any] | None = None) -> ToolConnection:
        """Connect a tool (`POST /tools/{tool_name}/connect`).

        Args:
            tool_name: The name of the tool, such as `"slack_send_message"`.
            params: The parameters of the connection by name, such as credentials, depending on the tool. Default: none.

        Returns:
            The connection. The platform doesn't document its fields, and the SDK keeps them all as attributes.

        Raises:
            NotFoundError: If the tool doesn't exist.
            ValidationError: If the platform rejects the parameters.
            APIError: If the call fails for any other reason. If `outcome_unknown` is True, the tool may have been
                connected, so the SDK doesn't send the request again.
            TypeError: If a parameter can't be represented in JSON. Nothing is sent.
            ValueError: If a parameter is NaN or infinity, or `tool_name` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            connection = client.tools.connect("slack_send_message", params={"workspace": "acme"})
            print(connection.status)
            ```
        """
        body: Mapping[str, Any] = {} if params is None else params
        where = path("/tools/{tool_name}/connect", tool_name=tool_name)
        return self._send(Request("POST", where, returns=ToolConnection, body=body))

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> Pager[Tool]:
        """List the tools of the catalog (`GET /tools`).

        Args:
            page_size: The number of tools per request. Default: the platform's.
            cursor: Where to start: the `next_cursor` of an earlier page.

        Returns:
            A pager. Loop over it to get every tool, or use its `pages()`, `first()` or `take()`.

        Raises:
            APIError: While you loop over it, if a request fails.

        Example:
            ```python
            for tool in client.tools.list():
                print(tool.name)
            ```
        """
        params = page_params(page_size, cursor)
        return self._pager(Request("GET", path("/tools"), returns=Tool, params=params, collection="tools"))
