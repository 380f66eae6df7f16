"""The place of the page: it has some paths of the emulator's address, the application all others."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from fibonacci.emulator.app import App
from fibonacci.emulator.http.messages import HTTPException, ServerRequest, ServerResponse

if TYPE_CHECKING:
    from fibonacci.emulator.page.site import Site

_PATHS: Final = ("/ui/", "/?", "/favicon.ico")


class WithPage:
    """An application with its page, for a server.

    Args:
        app: The application.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._opened: Site | None = None
        self._lock = threading.Lock()

    def handle(self, request: ServerRequest) -> ServerResponse:
        """Handle one request, safe to call from many threads.

        Requests of the page don't count toward rate limits, aren't recorded, and get no injected failures.
        """
        if self._is_of_page(request):
            return self._site().handle(request)
        return self._app.handle(request)

    def refuse(self, error: HTTPException, request: ServerRequest | None) -> ServerResponse:
        """Return the response to a request that could not be read, or only its head."""
        return self._app.refuse(error, request)

    def body_limit(self, request: ServerRequest) -> int | None:
        """Return the largest allowed body of a request, in bytes, or `None` if its key or role is refused anyway."""
        if self._is_of_page(request):
            return self._site().body_limit(request)
        return self._app.body_limit(request)

    @staticmethod
    def _is_of_page(request: ServerRequest) -> bool:
        return request.target in ("/", "/ui") or request.target.startswith(_PATHS)

    def _site(self) -> Site:
        from fibonacci.emulator.page.site import Site  # with the first request: most emulators are used without it

        with self._lock:
            if self._opened is None:
                self._opened = Site(self._app)
            return self._opened
