"""Tools."""

from __future__ import annotations

from typing import Final

from fibonacci import BadRequestError, ValidationError
from fibonacci.models import Tool
from fibonacci.testing.contract.check import Checks, Skipped, agree, has_type
from fibonacci.testing.contract.checks.common import UNKNOWN, envelope, not_found
from fibonacci.testing.contract.server import Server

CHECKS: Final = Checks()


def a_tool(server: Server) -> Tool:
    """Return some tool of the catalogue.

    Args:
        server: The server.

    Raises:
        Skipped: When there is none.
    """
    tool = server.client.tools.list().first()
    if tool is None:
        raise Skipped("the catalogue is empty")
    return tool


@CHECKS.documented("GET /tools")
def listed(server: Server) -> None:
    """Check that each tool has a name and a description."""
    for tool in server.client.tools.list():
        has_type(tool.name, str, "name")
        has_type(tool.description, str, "description")


@CHECKS.documented("GET /tools/{name}")
def one(server: Server) -> None:
    """Check that a tool is read by its name."""
    name = a_tool(server).name
    agree(server.client.tools.get(name).name, name, "name")


@CHECKS.choice("GET /tools/{name}")
def unknown(server: Server) -> None:
    """Check that an unknown tool gets a 404."""
    not_found(lambda: server.client.tools.get(UNKNOWN))


@CHECKS.choice("POST /tools/{name}/connect", changes=True)
def connect(server: Server) -> None:
    """Check that the body is the parameters; the response is an object, or a refusal of too few of them."""
    try:
        server.client.tools.connect(a_tool(server).name)
    except (BadRequestError, ValidationError):
        return
    has_type(envelope(server.raw("POST", f"/tools/{a_tool(server).name}/connect", json_body={})), dict, "data")


@CHECKS.choice("POST /tools/{name}/connect", changes=True)
def connect_unknown(server: Server) -> None:
    """Check that connecting an unknown tool gets a 404."""
    not_found(lambda: server.client.tools.connect(UNKNOWN))
