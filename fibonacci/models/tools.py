"""The tools that workflows can use."""

from typing import ClassVar

from fibonacci.models._base import Model


class Tool(Model):
    """A tool of the platform's catalog.

    The platform documents `name` and `description`. The SDK keeps all other fields as attributes.

    Example:
        ```python
        tool = client.tools.get("slack_send_message")
        print(tool.name, tool.description)
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("name", "description")
    _id_fields: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    """The name, as you pass it to `tools.get`, tool policies and tool nodes."""

    description: str | None = None
    """What the tool does."""


class ToolConnection(Model):
    """A tool that was connected.

    The platform doesn't document the fields. The SDK keeps them all as attributes, and only `name` and `status` have
    types.

    Example:
        ```python
        connection = client.tools.connect("slack_send_message", params={"workspace": "acme"})
        print(connection.name, connection.status)
        ```
    """

    _id_fields: ClassVar[tuple[str, ...]] = ("name",)

    name: str | None = None
    """The name of the tool. None if the platform doesn't repeat it."""

    status: str | None = None
    """The state of the connection, such as `"connected"`."""
