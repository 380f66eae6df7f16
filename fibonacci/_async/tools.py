"""`client.tools`: the catalog of tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fibonacci._async._resource import AsyncResource
from fibonacci._async.pager import AsyncPager
from fibonacci._core.request import Request
from fibonacci._core.urls import path
from fibonacci.models.tools import Tool, ToolConnection


class AsyncTools(AsyncResource):
    """Look up and connect tools."""

    async def get(self, name: str) -> Tool:
        """Return one tool (`GET /tools/{name}`).

        Args:
            name: Its name, such as `"slack_send_message"`.

        Returns:
            The tool.

        Raises:
            NotFoundError: If there is no such tool.
            APIError: If anything else goes wrong.

        Example:
            ```python
            tool = await client.tools.get("slack_send_message")
            print(tool.description)
            ```
        """
        return await self._send(Request("GET", path("/tools/{name}", name=name), returns=Tool))

    async def connect(self, name: str, *, params: Mapping[str, Any] | None = None) -> ToolConnection:
        """Connect a tool (`POST /tools/{name}/connect`).

        Args:
            name: Its name.
            params: Parameters of the connection, such as credentials; they depend on the tool.

        Returns:
            The connection; its fields are not documented, and all are kept.

        Raises:
            NotFoundError: If there is no such tool.
            ValidationError: If the platform refuses the parameters.
            APIError: If anything else goes wrong. It is not sent again once it may have been carried out: see
                `outcome_unknown`.

        Example:
            ```python
            connection = await client.tools.connect("slack_send_message", params={"workspace": "acme"})
            print(connection.status)
            ```
        """
        body: Mapping[str, Any] = {} if params is None else params
        where = path("/tools/{name}/connect", name=name)
        return await self._send(Request("POST", where, returns=ToolConnection, body=body))

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> AsyncPager[Tool]:
        """List the tools (`GET /tools`).

        Args:
            limit: Items to fetch per page. Default: the platform's.
            cursor: Where to begin: the `next_cursor` of an earlier page.

        Returns:
            A pager: iterate it for every tool, or use its `pages()` and `first()`.

        Raises:
            APIError: While it is iterated, if anything goes wrong.

        Example:
            ```python
            async for tool in client.tools.list():
                print(tool.name)
            ```
        """
        params = {"limit": limit, "cursor": cursor}
        return self._pager(Request("GET", path("/tools"), returns=Tool, params=params, collection="tools"))
