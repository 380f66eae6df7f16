"""The page: no secret is on it, and texts of others stay texts."""

from __future__ import annotations

import json
import re
import secrets as random
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci import NotFoundError
from fibonacci.emulator import Emulator, ToolCall
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.page.html import h, render
from fibonacci.emulator.page.layout import SECTIONS
from tests.emulator.handling import wait_until
from tests.emulator.page_client import PageClient, Reading
from tests.kit.nodes import llm, tool

KEY = "fib-owners-key"


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="manual", api_key=KEY, secrets={"TOKEN": 'hunter"2é'}, env={"TEAM": "Tides"})


class TestSecrets:
    def test_no_page_has_a_secret_or_the_key(self, page: PageClient, emulator: Emulator) -> None:
        client = emulator.client()
        secret = 'hunter"2é'

        @emulator.tool("leak")
        def leak(call: ToolCall) -> dict[str, object]:
            raise RuntimeError(f"refused with {call.params['token']} and {KEY}")

        nodes = (
            llm("say", "Use {{secrets.TOKEN}}" + " and {{secrets.TOKEN}}"),
            tool("leak", "leak", {"token": "{{secrets.TOKEN}}"}),
        )
        workflow = client.workflows.create(name=f"Uses {secret}", description=KEY, definition={"nodes": list(nodes)})
        run = client.workflows.execute(workflow.id, inputs={secret: secret, "key": KEY})
        client.memory.set("plain", {"a": [secret, KEY], secret: 1})
        client.memory.set(f"at {KEY}", "x" * 75 + secret)  # where the list cuts it
        client.memory.set("long", "x" * 3_996 + secret)  # where the whole value is cut
        connection = random.token_hex(12)
        client.tools.connect("slack_send_message", params={"token": connection})
        with pytest.raises(NotFoundError):
            client.tools.connect("nowhere", params={"token": connection})
        client.workflows.list(page_size=1).first()
        app_of(emulator).handle(
            ServerRequest("POST", "/tools/x/connect", {"x-api-key": KEY, "cookie": "c=1"}, connection.encode())
        )
        targets = [*SECTIONS.values(), f"/ui/runs/{run.id}", f"/ui/runs/{run.id}/diagram.svg"]
        targets += [f"/ui/workflows/{workflow.id}", f"/ui/workflows/{workflow.id}/diagram.svg"]
        targets += [f"/ui/requests/{number}" for number in range(1, emulator.requests.count + 1)]
        targets += [f"/ui/runs/{run.id}?full={name}" for name in ("outputs", "inputs", "input-of-0", "output-of-0")]
        own = (f"/ui/runs/{run.id}", f"/ui/workflows/{workflow.id}", "/ui/organization?full=value-3")
        for target in (*targets, "former", *own):
            if target == "former":
                emulator.secrets["TOKEN"] = "another"  # what it was before is hidden too
                continue
            shown = page.get(target)
            assert shown.status == 200, target
            for hidden in ("hun", "2é", "2\\u00e9", KEY, connection, "c=1"):
                assert hidden not in shown.body, target
                assert hidden not in shown.text, target
        assert "***" in page.get(f"/ui/runs/{run.id}").text

    def test_a_refused_key_is_not_repeated(self, emulator: Emulator) -> None:
        assert "some-key" not in PageClient(emulator).post("/ui/sign-in", key="some-key").body


TEXTS = st.text(min_size=1, max_size=24)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre><b>",
    "</textarea><i>",
    "&lt;b&gt;",
    "<!--",
    "]]>",
    "'\"`= <",
]


def normalized(text: str) -> str:
    """Return a text as a page can show it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", "\ufffd", lines)


class TestEscaping:
    @given(TEXTS | st.sampled_from(HOSTILE))
    def test_a_text_stays_a_text(self, text: str) -> None:
        found = Reading(render(h.p(text, h.b(text), title=text, class_=text)))
        assert found.tags == ["p", "b"]
        assert "".join(found.texts) == 2 * normalized(text)
        assert found.attributes == [("title", normalized(text)), ("class", normalized(text))]

    def test_what_utf_8_cannot_express_is_shown_as_such(self, page: PageClient, emulator: Emulator) -> None:
        body = json.dumps({"value": "a\udfff<"}).encode()
        request = ServerRequest("PUT", "/v1/memory/k", {"authorization": f"Bearer {KEY}"}, body)
        assert app_of(emulator).handle(request).status == 422
        assert "&#57343;" in page.get("/ui/requests/1").body

    @given(TEXTS | st.sampled_from(HOSTILE))
    def test_lines_are_kept(self, text: str) -> None:
        for tag in (h.pre, h.textarea):
            assert render(tag(text)).split(">", 1)[1].startswith("\n")

    def test_no_text_adds_an_element_to_a_page(self) -> None:
        """The elements are the same, whatever the texts are."""
        assert elements("\"'></pre></textarea><b>") == elements("plain")


def elements(text: str) -> list[list[str]]:
    emulator = Emulator(time="manual", api_key=KEY)
    client = emulator.client()

    @emulator.tool("say")
    def say(call: ToolCall) -> object:
        return {text: [text]}

    @emulator.tool("fail")
    def fail(call: ToolCall) -> object:
        raise RuntimeError(text)

    nodes = [llm("n1", name=text), tool("n2", "say"), tool("n3", "fail"), llm("n4", model=text)]
    workflow = client.workflows.create(name=text, description=text, definition={"nodes": nodes, "name": text})
    run = client.workflows.execute(workflow.id, inputs={text: text})
    wait_until(lambda: app_of(emulator).store.executions.count("running") == 0)
    api = app_of(emulator)
    for place in (("global", "", text), ("user", text, "key")):
        entry = {
            "key": place[2],
            "value": text,
            "scope": place[0],
            "user_id": place[1] or None,
            "workflow_id": None,
        }
        record: Any = {
            **entry,
            "ttl": None,
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:00.000Z",
        }
        app_of(emulator).store.memory.put(*place, record=record | {"expires": None})
    api.handle(ServerRequest("GET", f"/v1/{quote(text, errors='replace', safe='<>')}", {"x-text": "x"}, b""))
    visitor = PageClient(emulator).sign_in()
    targets = [
        *SECTIONS.values(),
        f"/ui/runs/{run.id}",
        f"/ui/workflows/{workflow.id}",
    ]
    targets += ["/ui/requests/1", f"/ui/requests/{emulator.requests.count}"]
    return [visitor.get(target).tags for target in targets]
