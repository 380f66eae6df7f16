"""What a view is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fibonacci.emulator.http.bodies import Query
from fibonacci.emulator.http.messages import ServerResponse
from fibonacci.emulator.page.backend import Backend
from fibonacci.emulator.page.html import Content

FULL: Final = "full"
"""The query parameter that names the text to show complete."""


@dataclass(frozen=True, slots=True)
class ViewContext:
    """One request of a browser that is signed in.

    Attributes:
        backend: The emulator.
        path: The decoded path parameters by name.
        query: The query parameters.
        form: The fields of the form that was sent.
        target: The path and query of the page.
        address: The emulator's address as the browser has it, such as `127.0.0.1:8787`.
        entered: What was entered into the form that could not be carried out.
    """

    backend: Backend
    path: Mapping[str, str]
    query: Query
    form: Mapping[str, str]
    target: str
    address: str
    entered: Mapping[str, str]

    @property
    def full(self) -> str | None:
        """The name of the text to show complete."""
        return self.query.text(FULL)

    @property
    def cursor(self) -> str | None:
        """The cursor of the page of a list."""
        return self.query.text("cursor")

    @property
    def number_cursor(self) -> int | None:
        """The cursor of the page of a list that is addressed by numbers."""
        if self.cursor is None:
            return None
        return self.query.integer("cursor", default=0, lowest=0, highest=10**17)


@dataclass(frozen=True, slots=True)
class PageContent:
    """One page.

    Attributes:
        title: Its title, also its heading.
        content: Its content below the heading.
        section: The place in the navigation that it belongs to.
        is_live: Whether it changes while it is shown.
    """

    title: str
    content: Content
    section: str
    is_live: bool = True


@dataclass(frozen=True, slots=True)
class Done:
    """An action that was carried out.

    Attributes:
        target: The page to show next.
        message: What was done, in words.
    """

    target: str
    message: str


View = Callable[[ViewContext], PageContent | ServerResponse]
Action = Callable[[ViewContext], Done]
