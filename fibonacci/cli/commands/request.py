"""`fibonacci request METHOD PATH`: any request, with the client's authentication, retries and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fibonacci._core.json_bodies import is_object
from fibonacci.cli.exit_codes import DONE

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


def add_request_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.values import json_value

    parser.add_argument("method", metavar="METHOD", help="the HTTP method, such as GET")
    parser.add_argument("path", metavar="PATH", help="the path below the base URL, such as /workflows?limit=5")
    parser.add_argument("--data", metavar="JSON|@FILE|-", type=json_value, help="the body of the request")


def run_request(context: Context) -> int:
    """Send the request, and print the data of the response."""
    options = context.options
    body: dict[str, Any] = {} if options.data is None else {"json": options.data.value}
    method = options.method.upper()
    data = context.client.request(method, options.path, **body)
    if method != "GET":
        fields: dict[str, Any] = data if is_object(data) else {}
        id = fields.get("execution_id") or fields.get("id")
        context.output.record_change(f"`{method} {options.path}` was carried out" + (f" ({id})" if id else ""))
    context.output.value(data)
    return DONE
