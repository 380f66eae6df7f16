"""The site: from a request of a browser to the response."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qsl
from zlib import crc32

from fibonacci._texts.logging import log
from fibonacci.emulator.app import App
from fibonacci.emulator.http.messages import MAX_BODY, HTTPException, Query, ServerRequest, ServerResponse, bad_request
from fibonacci.emulator.http.router import Router
from fibonacci.emulator.page import layout, responses
from fibonacci.emulator.page.context import NO_FLASH, Flash, PageContent, ViewContext, hidden_texts
from fibonacci.emulator.page.html import Content, document, h
from fibonacci.emulator.page.sign_in import HOME, SIGN_IN, SIGN_OUT, PageSession, Sessions, refusal_of, sign_in_page
from fibonacci.emulator.page.views import ACTIONS, VIEWS
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.snapshot import StateError

PREFIX: Final = "ui"
REFRESH: Final = "x-refresh"
"""The header of a request that refreshes a page that is shown: its last `REVISION`, and the parts that it has."""

REVISION: Final = "X-Revision"
"""The header of the response to such a request. If the page still has the revision, the response has no body."""

CLOCK: Final = "X-Clock"
"""The header of such a response with the time of the emulator's clock."""

_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_NAMES: Final = ("page.css", "page.js", "diagram.js", "icon.svg")
_FILES: Final = {f"/ui/static/{name}": name for name in _NAMES} | {"/favicon.ico": "icon.svg"}
_OWN_TARGET: Final = re.compile(r"/(?:ui/[\x21-\x7e]*)?")
_MAX_FIELDS: Final = 100
_METHODS: Final = ("GET", "HEAD", "POST")
_MAX_SIGN_IN: Final = 16 * 1024  # bytes of a form with a key and a target

_log: Final = logging.getLogger("fibonacci.emulator")


class Pages:
    """The pages of one emulator, safe to use from many threads.

    Args:
        app: The application.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._sessions = Sessions()
        self._views = Router([("GET", path, view) for path, view in VIEWS.items()], PREFIX)
        self._actions = Router([("POST", path, action) for path, action in ACTIONS.items()], PREFIX)

    def handle(self, request: ServerRequest) -> ServerResponse:
        """Handle one request, and show every error as a page."""
        path, _, query = request.target.partition("?")
        session = self._sessions.find(request)
        try:
            if request.method == "POST":
                self._app.origins.check_form(request)
            self._app.origins.check(request)
            if request.method in ("GET", "HEAD") and path in _FILES:
                name = _FILES[path]
                content = (files("fibonacci.emulator.page") / "static" / name).read_bytes()
                return responses.file(_TYPES[name.rpartition(".")[2]], content)
            if path.rstrip("/") == f"/{PREFIX}":
                return responses.redirect(HOME)
            if request.method not in _METHODS:
                raise HTTPException(405, "method_not_allowed", f"The page accepts GET and POST, not {request.method}.")
            if request.method == "POST":
                return self._act(request, path, session)
            if session is None:
                return self._sign_in_page(request.target)
            return self._show(request, path, query, session)
        except HTTPException as error:
            return self._failed(request, session, error.status, error.message)
        except StateError as error:
            return self._failed(request, session, 503, str(error))
        except Exception:
            log(_log, logging.ERROR, "%s %s failed", request.method, path, with_exception=True)
            return self._failed(request, session, 500, "The page failed. The emulator's log says why.")

    def body_limit(self, request: ServerRequest) -> int | None:
        """Return the largest allowed body of a request in bytes, or `None` if it needs a session and has none."""
        if request.target == SIGN_IN:
            return _MAX_SIGN_IN
        return MAX_BODY if self._sessions.find(request) is not None else None

    def _show(self, request: ServerRequest, path: str, query: str, session: PageSession) -> ServerResponse:
        view, values = self._views.find("GET", "/ui/overview" if path == HOME else path)
        known, flash = request.headers.get(REFRESH), NO_FLASH
        if known is None:
            flash, session.flash = session.flash, NO_FLASH
        context = self._context(request, values, query, flash=flash)
        context.get("/health")  # processes the events of runs that are due, as every request of a client does
        page = view(context)
        if isinstance(page, ServerResponse):
            return page
        if known is None:
            return responses.html(self._document(layout.signed_in(page, context)))
        body = self._document(layout.live_parts(page, context), known.split())
        revision = f"{crc32(body):x}"
        is_new = revision != known.partition(" ")[0]
        clock = CLOCK, iso(self._app.clock.now())
        return responses.html(body if is_new else b"", 200, (REVISION, revision), clock)

    def _act(self, request: ServerRequest, path: str, session: PageSession | None) -> ServerResponse:
        form = _fields_of(request.body)
        if path == SIGN_IN:
            return self._sign_in(request, form)
        if session is None:
            return self._sign_in_page(HOME)
        if path == SIGN_OUT:
            return responses.redirect(HOME, self._sessions.end(request))
        action, values = self._actions.find("POST", path)
        try:
            done = action(self._context(request, values, form=form))
            target, session.flash = done.target or _page_of(form), Flash(done.message)
        except (HTTPException, StateError) as error:
            message, faults = (str(error), ()) if isinstance(error, StateError) else (_in_words(error), error.details)
            target, session.flash = _page_of(form), Flash(message, True, path, form, faults)
        return responses.redirect(target)

    def _sign_in(self, request: ServerRequest, form: Mapping[str, str]) -> ServerResponse:
        refusal = refusal_of(form.get("key", "").strip(), self._app.keys)
        if refusal is None:
            return responses.redirect(_page_of(form), self._sessions.begin(request))
        return self._sign_in_page(_page_of(form), refusal.status, refusal.message)

    def _sign_in_page(self, target: str, status: int = 401, refusal: str | None = None) -> ServerResponse:
        page = self._document(layout.signed_out("Sign in", sign_in_page(target, refusal)))
        return responses.html(page, status, *([("WWW-Authenticate", "Bearer")] if status == 401 else []))

    def _failed(self, request: ServerRequest, session: PageSession | None, status: int, message: str) -> ServerResponse:
        content = h.p(message, class_="flash error", role="alert")
        shown = layout.signed_out("Not possible", content)
        if session is not None:
            with suppress(StateError):  # the navigation cannot be read either
                shown = layout.signed_in(PageContent("Not possible", content, ""), self._context(request))
        return responses.html(self._document(shown), status)

    def _document(self, content: Content, known: Collection[str] = ()) -> bytes:
        return document(content, hidden_texts(self._app), known)

    def _context(
        self,
        request: ServerRequest,
        path: Mapping[str, str] = {},
        query: str = "",
        form: Mapping[str, str] = {},
        flash: Flash = NO_FLASH,
    ) -> ViewContext:
        address = request.headers.get("host", "")
        return ViewContext(self._app, hidden_texts(self._app), path, Query(query), form, request.target, address, flash)


def _fields_of(body: bytes) -> dict[str, str]:
    """Return the fields of a form as a browser sends it.

    Raises:
        HTTPException: 400 if it can't be read.
    """
    try:
        text = body.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS))
    except ValueError as error:
        raise bad_request(f"The form can't be read: {error}", "form") from None


def _page_of(form: Mapping[str, str]) -> str:
    """Return the page that a form was sent from, if it belongs to the site."""
    target = form.get("back", "")
    return target if _OWN_TARGET.fullmatch(target) else HOME


def _in_words(error: HTTPException) -> str:
    """Return what is wrong, with the details that the message does not have."""
    details = (f"{detail.field}: {detail.message}" for detail in error.details)
    return " ".join([error.message, *(text for text in details if text.split(": ", 1)[1] not in error.message)])
