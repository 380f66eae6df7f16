"""The page: who may see it, and who may change something."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.page.layout import SECTIONS
from tests.emulator.page_client import HOST, ORIGIN, PageClient
from tests.kit.assertions import each_row
from tests.kit.nodes import llm

KEY = "fib-owners-key"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ACTIONS = ["/ui/clock/advance", "/ui/failures/clear", "/ui/requests/clear", "/ui/memory/1/delete", "/ui/sign-out"]


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="manual", api_key=KEY)


class TestSession:
    def test_without_a_session_there_is_the_form_alone(self, emulator: Emulator) -> None:
        emulator.client().workflows.create(name="Greeter")
        for target in (*SECTIONS.values(), "/ui/requests/1", "/ui/none"):
            shown = PageClient(emulator).get(target)
            assert (shown.status, shown.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert "Owner's key" in shown.text
            assert "Greeter" not in shown.body
            assert f'value="{target}"' in shown.body

    def test_the_cookie_says_nothing_and_no_script_reads_it(self, emulator: Emulator) -> None:
        cookie = PageClient(emulator).post("/ui/sign-in", key=KEY, back="/ui/runs").headers["Set-Cookie"]
        assert re.fullmatch(r"fibonacci-session-8787=[\w-]{43}; HttpOnly; SameSite=Strict; Path=/", cookie)
        assert KEY not in cookie

    @each_row("key", ["wrong", "", "schlüssel\ud800", f"{KEY}x"])
    def test_a_wrong_key_is_said(self, emulator: Emulator, key: str) -> None:
        body = f"key={quote(key, errors='replace')}".encode()
        shown = PageClient(emulator).send("POST", "/ui/sign-in", ORIGIN, body)
        assert (shown.status, "Set-Cookie" in shown.headers) == (401, False)
        assert "This emulator doesn't know this key." in shown.text

    @each_row("role", ["viewer", "member", "admin"])
    def test_another_role_is_told_whose_key_it_takes(self, emulator: Emulator, role: Any) -> None:
        shown = PageClient(emulator).post("/ui/sign-in", key=emulator.key(role, name="ada"))
        assert (shown.status, "Set-Cookie" in shown.headers) == (403, False)
        assert f"This key has the role {role}" in shown.text
        assert "it needs the owner's key" in shown.text

    def test_strangers_send_little(self, emulator: Emulator) -> None:
        limits = [
            app_of(emulator).body_limit(ServerRequest("POST", target, {})) for target in ("/ui/sign-in", *ACTIONS)
        ]
        assert limits == [16 * 1024, *[None] * len(ACTIONS)]

    def test_signing_out_ends_the_session(self, page: PageClient) -> None:
        response = page.post("/ui/sign-out")
        assert "Max-Age=0" in response.headers["Set-Cookie"]
        assert page.get("/ui/runs").status == 401


class TestOrigin:
    @each_row(
        ("target", "headers"),
        [
            *((target, {"origin": "https://evil.example"}) for target in (*ACTIONS[1:], "/ui/sign-in")),
            ("/ui/clock/advance", {}),
            ("/ui/clock/advance", {"origin": "https://evil.example"}),
            ("/ui/clock/advance", {"origin": "null"}),
            ("/ui/clock/advance", {"origin": f"http://{HOST}.evil.example"}),
            ("/ui/clock/advance", {"origin": "http://127.0.0.1:8788"}),
            ("/ui/clock/advance", {"origin": "http://[", "sec-fetch-site": "same-origin"}),
            ("/ui/clock/advance", {"sec-fetch-site": "cross-site"}),
            ("/ui/clock/advance", {"sec-fetch-site": "same-site"}),
            ("/ui/clock/advance", {"sec-fetch-site": "none"}),
            ("/ui/clock/advance", {"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"}),
            ("/ui/clock/advance", {"origin": "https://evil.example", "sec-fetch-site": "same-origin"}),
        ],
    )
    def test_a_form_of_another_site_changes_nothing(
        self, page: PageClient, emulator: Emulator, target: str, headers: dict[str, str]
    ) -> None:
        emulator.client().memory.set("color", "blue")
        emulator.fail("GET /tools")
        before = emulator.snapshot(), emulator.clock.now(), emulator.requests.count, len(emulator.failures)
        response = page.send("POST", target, headers, f"seconds=5&key={KEY}".encode())
        assert (response.status, "Set-Cookie" in response.headers) == (403, False)
        assert "not sent by the page itself" in response.text
        assert (emulator.snapshot(), emulator.clock.now(), emulator.requests.count, len(emulator.failures)) == before

    @each_row("headers", [{"origin": f"http://{HOST}"}, {"sec-fetch-site": "same-origin"}, ORIGIN])
    def test_a_form_of_the_page_is_carried_out(self, page: PageClient, headers: dict[str, str]) -> None:
        assert page.send("POST", "/ui/clock/advance", headers, b"seconds=5").status == 303

    @each_row("target", ACTIONS)
    def test_reading_changes_nothing(self, page: PageClient, emulator: Emulator, target: str) -> None:
        before = emulator.snapshot(), emulator.clock.now()
        assert page.get(target).status in (404, 405)
        assert page.send("DELETE", target, ORIGIN).status == 405
        assert (emulator.snapshot(), emulator.clock.now()) == before

    @each_row("target", ACTIONS)
    def test_without_a_session_nothing_changes(self, emulator: Emulator, target: str) -> None:
        assert PageClient(emulator).post(target, seconds="5").status == 401

    @each_row("body", [b"\xff", b"%ff=1", b"a=1&" * 1000])
    def test_a_form_that_cannot_be_read_is_a_400(self, page: PageClient, body: bytes) -> None:
        assert page.send("POST", "/ui/clock/advance", ORIGIN, body).status == 400


def test_every_response_has_the_headers_that_protect_it(page: PageClient) -> None:
    targets = [*SECTIONS.values(), "/ui/static/page.css", "/ui/static/page.js", "/ui/static/icon.svg", "/ui/none"]
    responses = [page.get(target) for target in targets]
    responses += [page.post("/ui/clock/advance", seconds="1"), page.post("/ui/sign-in", key="wrong")]
    for response in responses:
        assert response.headers["Content-Security-Policy"] == POLICY
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "same-origin"
        assert response.headers["Cache-Control"] == "no-store"
        assert "<script>" not in response.body
        assert not re.search(r"\s(?:style|on\w+)=", response.body)


def test_a_picture_can_load_and_run_nothing(page: PageClient, emulator: Emulator) -> None:
    workflow = emulator.client().workflows.create(name="W", definition={"nodes": [llm("greet")]})
    shown = page.get(f"/ui/workflows/{workflow.id}/diagram.svg")
    assert shown.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
