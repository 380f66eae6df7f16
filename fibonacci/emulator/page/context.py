"""What a view receives, what it reads and changes, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from fibonacci.emulator.app import App
from fibonacci.emulator.engine.variables import redact, redact_text, texts_of
from fibonacci.emulator.http.messages import Detail, HTTPException, Query, ServerRequest, ServerResponse
from fibonacci.emulator.http.router import API_PREFIX
from fibonacci.emulator.page.html import Content
from fibonacci.emulator.state.json_encoding import JSONObject, parse_json, to_json
from fibonacci.emulator.state.store import Store

PER_PAGE: Final = 25


class Slice(NamedTuple):
    """One page of a list.

    Attributes:
        items: The items.
        more: The cursor of the next page, or `None` on the last one.
    """

    items: list[Any]
    more: str | None


def segment(text: str) -> str:
    """Percent-encode a text as one segment of a path."""
    return quote(text, safe="", errors="replace")


def hidden_texts(app: App) -> Sequence[str]:
    """Return the texts that no page may show: the key, and every value that a secret has had."""
    return texts_of([app.keys.owner, *app.environment.secrets.every_value])


@dataclass(frozen=True, slots=True)
class Flash:
    """What the next page says about an action.

    Attributes:
        message: What was done, or why not.
        is_error: Whether it was not done.
        action: The action that was not done.
        entered: What was entered into its form, by the names of its fields: it is shown again.
        faults: What is wrong with it.
    """

    message: str
    is_error: bool = False
    action: str = ""
    entered: Mapping[str, str] = field(default_factory=dict[str, str])
    faults: Sequence[Detail] = ()


NO_FLASH: Final = Flash("")
"""For a page that doesn't follow an action."""


@dataclass(frozen=True, slots=True)
class ViewContext:
    """One request of a browser that is signed in, and how its view reads and changes the emulator.

    Attributes:
        app: The application.
        hidden: The texts that no page may show (see `hidden_texts`).
        path: The decoded path parameters by name.
        query: The query parameters.
        form: The fields of the form that was sent.
        target: The path and query of the page.
        address: The emulator's address as the browser has it, such as `127.0.0.1:8787`.
        flash: What the page says about the last action.
    """

    app: App
    hidden: Sequence[str]
    path: Mapping[str, str]
    query: Query
    form: Mapping[str, str]
    target: str
    address: str
    flash: Flash = NO_FLASH

    def redact(self, text: str) -> str:
        """Return a text without the key and the secrets."""
        return redact_text(text, self.hidden)

    def redact_json(self, content: Any) -> Any:
        """Return JSON without the key and the secrets. Its own keys stay, and views redact them when they show them."""
        return redact(content, self.hidden, has_user_keys=False)

    def get(self, path: str, **query: str | int | None) -> Any:
        """Return the data of an endpoint.

        Raises:
            HTTPException: The error response.
        """
        return self._reply("GET", f"/{API_PREFIX}{path}", query)["data"]

    def items(self, path: str, cursor: str | None, **query: str | int | None) -> Slice:
        """Return a page of a list, beginning at a cursor.

        Raises:
            HTTPException: The error response.
        """
        reply = self._reply("GET", f"/{API_PREFIX}{path}", {"limit": PER_PAGE} | query | {"cursor": cursor})
        return Slice(reply["data"], reply["meta"]["next_cursor"])

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Carry out a request of the API or the control API that changes something, and return its response.

        Raises:
            HTTPException: The error response.
        """
        return self._reply(method, path, {}, b"" if body is None else to_json(body))

    @contextmanager
    def reading(self) -> Generator[Store]:
        """Lock the state for reading.

        Raises:
            StateError: If the file can't be used.
        """
        with self.app.store.reading():
            yield self.app.store

    def workflow_name(self, workflow_id: str) -> str | None:
        """Return the name of a workflow, its ID if the name is blank, or `None` if it no longer exists."""
        with self.reading() as store:
            workflow = store.workflows.get(workflow_id)
        return None if workflow is None else workflow["name"].strip() or workflow_id

    def definition(self, workflow_id: str, version: int) -> JSONObject | None:
        """Return the definition of a version, or `None` if the version is gone or has none."""
        with self.reading() as store:
            snapshot = store.versions.get(workflow_id, str(version))
        return None if snapshot is None else snapshot["definition"]

    def _reply(self, method: str, path: str, query: Mapping[str, str | int | None], body: bytes = b"") -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        target = f"{path}?{urlencode(given)}" if given else path
        reply = self.app.call_as_owner(ServerRequest(method, target, {}, body))
        content: Any = parse_json(reply.body or b"{}")
        if reply.status < 400:
            return content
        error = content["error"]
        details = [Detail(detail["field"], detail["message"]) for detail in error["details"]]
        raise HTTPException(reply.status, error["code"], error["message"], details)

    @property
    def full(self) -> str | None:
        """The name of the text to show complete."""
        return self.query.text("full")

    @property
    def cursor(self) -> str | None:
        """The cursor of the page of a list."""
        return self.query.text("cursor")

    @property
    def as_number(self) -> int:
        """The number in the path, or 0 for any other text."""
        text = self.path["number"]
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else 0

    @property
    def number_cursor(self) -> int | None:
        """The cursor of the page of a list that is addressed by numbers."""
        return None if self.cursor is None else self.query.integer("cursor", default=0, lowest=0, highest=10**17)


@dataclass(frozen=True, slots=True)
class PageContent:
    """One page.

    Attributes:
        title: Its title, also its heading.
        content: Its content below the heading.
        section: Its place in the navigation. If it is empty, the navigation stays as it is.
    """

    title: str
    content: Content
    section: str


@dataclass(frozen=True, slots=True)
class Done:
    """An action that was carried out.

    Attributes:
        target: The page to show next, by default the one with the form.
        message: What was done, in words.
    """

    target: str
    message: str


View = Callable[[ViewContext], PageContent | ServerResponse]
Action = Callable[[ViewContext], Done]
