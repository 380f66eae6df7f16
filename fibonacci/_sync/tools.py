# Derived from fibonacci/_async/tools.py by tests/tools/mirror.py; change that file, not this one.
"""`client.tools`: the catalog of tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fibonacci._core.request import Request, page_params
from fibonacci._core.urls import path
from fibonacci._sync.resource import Pager, Resource
from fibonacci.models.tools import Tool, ToolConnection


class Tools(Resource):
    """Look up and connect tools.

    The platform documents `name` and `description` of a tool. The body of `connect` is a choice of the SDK:
    https://docs.fibonacci.today/explanation/contract-choices
    """

    def get(self, tool_name: str) -> Tool:
        """Return one tool (`GET /tools/{tool_name}`).

        Args:
            tool_name: The name of the tool, such as `"slack_send_message"`.

        Returns:
            The tool, with its description; further fields are kept as attributes.

        Raises:
            NotFoundError: If there is no such tool.
            APIError: If anything else goes wrong.
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
            params: The parameters of the connection by name, such as credentials; they depend on the tool. Default:
                none.

        Returns:
            The connection. Its fields are not documented; all are kept as attributes.

        Raises:
            NotFoundError: If there is no such tool.
            ValidationError: If the platform refuses the parameters.
            APIError: If anything else goes wrong. It is not sent again once it may have been carried out: see
                `outcome_unknown`.
            TypeError: If a parameter has no JSON form. Nothing is sent.
            ValueError: If a parameter is NaN or an infinity, or `tool_name` is empty, `.` or `..`. Nothing is sent.

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
            page_size: The number of items that each request asks for. Default: the platform's.
            cursor: Where to begin: the `next_cursor` of an earlier page.

        Returns:
            A pager that yields every tool. It has `pages()`, `first()` and `take()` too.

        Raises:
            APIError: While it is iterated, if anything goes wrong.

        Example:
            ```python
            for tool in client.tools.list():
                print(tool.name)
            ```
        """
        params = page_params(page_size, cursor)
        return self._pager(Request("GET", path("/tools"), returns=Tool, params=params, collection="tools"))
