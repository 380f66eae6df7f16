"""The tools that workflows can use."""

from __future__ import annotations

from typing import ClassVar

from fibonacci.models._base import Model


class Tool(Model):
    """A tool of the platform's catalogue.

    Attributes:
        name: Its name, for `tools.get`, tool policies and tool nodes.
        description: What it does.
    """

    shown: ClassVar[tuple[str, ...]] = ("name", "description")

    name: str
    description: str | None = None


class ToolConnection(Model):
    """The answer to connecting a tool. Its fields are not documented: all are kept, none but these is typed.

    Attributes:
        name: The tool's name, where the platform repeats it.
        status: The state of the connection.
    """

    name: str | None = None
    status: str | None = None
