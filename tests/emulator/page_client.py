"""A browser without a screen: it keeps the session of the page, and sends what browsers send."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlencode

from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest, ServerResponse

HOST = "127.0.0.1:8787"
ORIGIN = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}


@dataclass
class PageResponse:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def text(self) -> str:
        """What is shown of it, without markup."""
        return unescape(" ".join(re.sub(r"<[^>]*>", " ", self.body).split()))

    @property
    def main(self) -> str:
        """What is shown of it below the heading, without markup."""
        return PageResponse(self.status, self.headers, self.body.partition("</h1>")[2]).text

    @property
    def next_page(self) -> str:
        """The address of the next page of the list; empty on the last."""
        found = re.search(r'href="([^"]*)" rel="next"', self.body)
        return unescape(found[1]) if found else ""

    def block(self, name: str) -> str:
        """Return the text of a block, as it is copied."""
        found = re.search(rf'id="{name}">.*?<pre[^>]*>\n(.*?)</pre>', self.body, re.DOTALL)
        assert found, name
        return unescape(found[1])

    def form(self, name: str) -> dict[str, str]:
        """Return the fields of the form with an id, as a browser sends them when nobody has changed them."""
        return FormReading(self.body, name).fields

    @property
    def tags(self) -> list[str]:
        """The names of all elements, in order."""
        return Reading(self.body).tags


class Reading(HTMLParser):
    """What a parser finds in a page."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(body)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


class FormReading(HTMLParser):
    """The controls of one form, with what is in them."""

    def __init__(self, body: str, name: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._name = name
        self._is_inside = False
        self._open = ""  # the name of the textarea or select that is open
        self.feed(body)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form":
            self._is_inside = values.get("id") == self._name
        name = values.get("name") or ""
        if not self._is_inside:
            return
        if tag == "input" and values.get("type") != "checkbox":
            self.fields[name] = values.get("value") or ""
        elif tag == "input" and "checked" in values:
            self.fields[name] = ",".join(filter(None, [self.fields.get(name), values["value"]]))
        elif tag in ("textarea", "select"):
            self._open = name
            self.fields[name] = ""
        elif tag == "option" and "selected" in values:
            self.fields[self._open] = values["value"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._is_inside = self._is_inside and tag != "form"
        if tag == "textarea" and self._is_inside:
            text = self.fields[self._open].removeprefix("\n")
            self.fields[self._open] = text.replace("\n", "\r\n")
        self._open = "" if tag in ("textarea", "select") else self._open

    def handle_data(self, data: str) -> None:
        if self._open and self.lasttag == "textarea":
            self.fields[self._open] += data


@dataclass
class PageClient:
    """A visitor of an emulator's page; `sign_in` makes it the owner."""

    emulator: Emulator
    cookie: str = ""
    host: str = HOST

    def sign_in(self) -> PageClient:
        response = self.post("/ui/sign-in", key=self.emulator.api_key)
        assert response.status == 303, response.text
        self.cookie = response.headers["Set-Cookie"].partition(";")[0]
        return self

    def get(self, target: str, **headers: str) -> PageResponse:
        return self.send("GET", target.partition("#")[0], headers)  # browsers send no fragment

    def post(self, target: str, **form: str) -> PageResponse:
        origin = {"origin": f"http://{self.host}", "sec-fetch-site": "same-origin"}
        return self.send("POST", target, origin, urlencode(form).encode())

    def act(self, target: str, **form: str) -> PageResponse:
        """Send a form and return the page that it leads to."""
        response = self.post(target, **form)
        assert response.status == 303, response.text
        return self.get(response.headers["Location"])

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> PageResponse:
        given = {"host": self.host, "cookie": self.cookie} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        response = app_of(self.emulator).handle(ServerRequest(method, target, given, body))
        return shown(response)


def shown(response: ServerResponse) -> PageResponse:
    return PageResponse(response.status, dict(response.headers), response.body.decode())
