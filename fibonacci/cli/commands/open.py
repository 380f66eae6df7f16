"""`fibonacci open [workflow|execution ID]`: a page in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fibonacci.cli.exit_codes import DONE, FAILED, UsageError

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser

_LISTS: Final = {"workflow": "/ui/workflows", "execution": "/ui/runs"}
_EPILOG = """\
It opens the page of an emulator (`fibonacci dev`). The platform itself documents no address of a page. The address has
no key in it, as other programs can read it: the page asks for the key once, and remembers the browser."""


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("kind", metavar="workflow|execution", nargs="?", choices=tuple(_LISTS), help="what to show")
    parser.add_argument("id", metavar="ID", nargs="?", help="its id, or the name of a workflow; default: the list")
    parser.add_argument("--print", action="store_true", help="print the address, and open nothing")


def run(context: Context) -> int:
    """Open the page, or print its address."""
    options = context.options
    address = _home(context) + _path(context, options.kind, options.id)
    if options.print:
        context.output.document("url", address)
        return DONE
    import webbrowser

    if webbrowser.open(address):
        context.say(f"{address} (sign in with FIBONACCI_API_KEY)")
        return DONE
    context.say(f"no browser can be started here: open {address}, and sign in with FIBONACCI_API_KEY")
    return FAILED


def _home(context: Context) -> str:
    """Return the address of the emulator's page.

    Raises:
        UsageError: If the base URL is not an emulator's, or that of the API that has no health.
    """
    from fibonacci import UnsupportedCallError

    client = context.client
    try:
        backend = client.health.secrets().backend
    except UnsupportedCallError as error:
        raise UsageError(
            "only the documented API says whether a server has a page: set FIBONACCI_API_VERSION=v1, and let"
            " FIBONACCI_BASE_URL end in /v1"
        ) from error
    if backend != "emulator":
        raise UsageError(
            f"{client.base_url} documents no address of a page, as the emulator has: fibonacci workflows get, and"
            " fibonacci executions get, print what is there"
        )
    return client.base_url.removesuffix("/v1")


def _path(context: Context, kind: str | None, reference: str | None) -> str:
    if kind is None:
        return "/"
    if reference is None:
        return _LISTS[kind]
    from urllib.parse import quote

    from fibonacci.cli.inputs import workflow_id_of

    client = context.client
    found = workflow_id_of(client, reference) if kind == "workflow" else client.executions.get(reference).id
    return f"{_LISTS[kind]}/{quote(found, safe='')}"
