"""A browser without a screen: it keeps the session of the page, and sends what browsers send."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from urllib.parse import quote, urlencode

from fibonacci.emulator import Emulator, ToolCall
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest, ServerResponse
from fibonacci.emulator.page.layout import SECTIONS
from tests.emulator.handling import create
from tests.kit.nodes import llm, tool

HOST = "127.0.0.1:8787"
HOSTILE = '"><img src=x onerror="hacked=1"><script>hacked=1</script>'
MAIL = tool("tell", "email_send", {"to": "team@example.org", "subject": HOSTILE, "body": "High tide"})
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


def furnish(emulator: Emulator) -> list[str]:
    """Make something of every kind, with hostile texts; return the addresses of all pages."""
    client = emulator.client()

    @emulator.tool("broken")
    def broken(call: ToolCall) -> object:
        raise RuntimeError(HOSTILE + " and a long reason" * 20)

    nodes = llm("say", "Say {{input.text}}", name=HOSTILE), tool("broken", "broken"), llm("odd", model=HOSTILE)
    workflow = create(client, *nodes, name=HOSTILE + " with a long name" * 8)
    failed = client.workflows.execute(workflow, inputs={"text": HOSTILE * 200, HOSTILE: 1, "n_" * 30: "long " * 60})
    client.organizations.governance.update("default", require_approval_for_external_comm=True)
    waiting = client.workflows.execute(create(client, MAIL, name=HOSTILE))
    pause = create(client, tool("pause", "wait", {"seconds": 3600}))
    running, canceled = client.workflows.execute(pause), client.workflows.execute(pause)
    client.executions.cancel(canceled.id)
    client.workflows.update(workflow, definition={"nodes": nodes[:2]}, description=HOSTILE + " and more" * 40)
    client.registry.approve_template(workflow)
    client.organizations.tool_policies.create("default", tool_name="broken", enabled=False)
    client.organizations.tool_policies.create_role_override("default", role="viewer", tool_name="broken")
    client.organizations.governance.update("default", category_flags={HOSTILE + "of mine" * 30: True})
    emulator.key("admin", name="a" * 64)
    client.memory.set(HOSTILE, {HOSTILE: HOSTILE * 50}, scope="user", user_id=HOSTILE)
    emulator.fail("GET /tools", status=503, times=2)
    inputs = {HOSTILE: {"title": HOSTILE, "description": HOSTILE * 9}, "mood": {"enum": [HOSTILE * 9]}, "n" * 90: {}}
    schema = {"properties": {**inputs, "text": {"type": "string"}}}
    formed = client.workflows.execute(create(client, llm("say"), input_schema=schema), inputs={"text": HOSTILE})
    pages = [f"/ui/runs/{run.id}" for run in (failed, waiting, running, canceled)]
    pages += [f"/ui/runs/{formed.id}/again", f"/ui/runs?q={quote(HOSTILE)}&workflow_id={workflow}&from=2026-01-31"]
    own = f"/ui/workflows/{workflow}"
    pages += [own, f"{own}/versions/1", f"{own}/versions/2", f"/ui/runs/{failed.id}/again?from=broken"]
    return [*SECTIONS.values(), *pages, "/ui/requests/1", "/ui/requests/2"]
