"""The page: no secret is on it, and texts of others stay texts."""

from __future__ import annotations

import re
import secrets as random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci import NotFoundError
from fibonacci.emulator import Emulator, ToolCall
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.page.html import h, render
from fibonacci.emulator.page.layout import SECTIONS
from tests.emulator.page_client import HOSTILE, PageClient, Reading, furnish
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


TEXTS = st.text(min_size=1, max_size=24)
HOSTILE_TEXTS = [
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
    @given(TEXTS | st.sampled_from(HOSTILE_TEXTS))
    def test_a_text_stays_a_text(self, text: str) -> None:
        found = Reading(render(h.p(text, h.b(text), title=text, class_=text)))
        assert found.tags == ["p", "b"]
        assert "".join(found.texts) == 2 * normalized(text)
        assert found.attributes == [("title", normalized(text)), ("class", normalized(text))]

    def test_no_text_adds_an_element_to_a_page(self) -> None:
        emulator = Emulator(time="manual", api_key=KEY)
        targets, page = furnish(emulator), PageClient(emulator).sign_in()
        shown = [page.get(target) for target in targets]
        assert len([each for each in shown if HOSTILE in each.text]) > len(targets) // 4
        for each in shown:
            found = Reading(each.body)
            assert ("<script>" in each.body, "img" in found.tags, "onerror" in dict(found.attributes)) == (False,) * 3
