"""Detection of tools that have patched httpx or httpcore.

OpenTelemetry's and Sentry's instrumentation, respx, vcrpy and pytest-httpx replace functions of httpx or of httpcore
with their own. Connections that bypass httpx would hide the calls from them.
"""

from __future__ import annotations

import sys
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

# The functions that tools replace: what a client calls to send, and the pool below it.
_REPLACED = {
    "httpx": (
        "Client.send",
        "AsyncClient.send",
        "Client._transport_for_url",
        "AsyncClient._transport_for_url",
        "HTTPTransport.handle_request",
        "AsyncHTTPTransport.handle_async_request",
    ),
    "httpcore": ("ConnectionPool.handle_request", "AsyncConnectionPool.handle_async_request"),
}


def replaced_function() -> str | None:
    """Return a function of httpx or httpcore that a tool has replaced, so that calls have to go through httpx, or None.

    A function of the library has its code in the library's own folder. A replacement hasn't, whatever it is: a mock, a
    wrapper, a function under the same name. Names that a version of the library doesn't have are skipped.
    """
    for library, names in _REPLACED.items():
        module = sys.modules.get(library)
        if module is not None:
            for name in names:
                if not _is_original(module, name):
                    return f"{library}.{name}"
    return None


def _is_original(library: ModuleType, name: str) -> bool:
    try:
        function = attrgetter(name)(library)
    except AttributeError:
        return True
    folder = str(library.__file__).removesuffix("__init__.py")
    return type(function) is type(replaced_function) and function.__code__.co_filename.startswith(folder)
