"""The tools that workflows can use."""

from __future__ import annotations

from typing import ClassVar

from fibonacci.models._base import Model


class Tool(Model):
    """A tool of the platform's catalog.

    The platform documents `name` and `description`; further fields are kept as attributes.

    Example:
        ```python
        tool = client.tools.get("slack_send_message")
        print(tool.name, tool.description)
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("name", "description")
    _id_fields: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    """The name, as `tools.get`, tool policies and tool nodes take it."""

    description: str | None = None
    """What the tool does."""


class ToolConnection(Model):
    """A tool that was connected, with fields that are not documented: all are kept, none but these is typed.

    Example:
        ```python
        connection = client.tools.connect("slack_send_message", params={"workspace": "acme"})
        print(connection.name, connection.status)
        ```
    """

    _id_fields: ClassVar[tuple[str, ...]] = ("name",)

    name: str | None = None
    """The name of the tool; None when the platform does not repeat it."""

    status: str | None = None
    """The state of the connection, such as `"connected"`."""
