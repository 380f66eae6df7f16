"""Tools."""

from __future__ import annotations

from typing import Final

from fibonacci import BadRequestError
from fibonacci.models import Tool
from fibonacci.testing.contract.check import Checks, require, require_equal, require_type
from fibonacci.testing.contract.checks.common import require_envelope
from fibonacci.testing.contract.server import Server, Skipped

CHECKS: Final = Checks()


def a_tool(server: Server) -> Tool:
    """Return some tool of the catalog.

    Args:
        server: The server.

    Raises:
        Skipped: When there is none.
    """
    tool = server.client.tools.list().first()
    if tool is None:
        raise Skipped("the catalog is empty")
    return tool


@CHECKS.documented("GET /tools", "The catalog has tools, each with a name and a description")
def _listed(server: Server) -> None:
    tools = list(server.client.tools.list())
    require(tools, "the catalog is empty")
    for tool in tools:
        require_type(tool.name, str, "name")
        require_type(tool.description, str, "description")


@CHECKS.documented("GET /tools/{tool_name}", "A tool is read by its name")
def _one(server: Server) -> None:
    name = a_tool(server).name
    require_equal(server.client.tools.get(name).name, name, "name")


@CHECKS.choice(
    "POST /tools/{tool_name}/connect",
    "The body is the parameters; the response is an object, or a refusal of too few of them",
    changes=True,
)
def _connect(server: Server) -> None:
    try:
        server.client.tools.connect(a_tool(server).name)
    except BadRequestError:
        return
    require_type(
        require_envelope(server.raw("POST", f"/tools/{a_tool(server).name}/connect", json_body={})), dict, "data"
    )
