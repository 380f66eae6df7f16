"""The page: what it shows, and where."""

from __future__ import annotations

import http.client
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fibonacci import Fibonacci, FibonacciError
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.page.layout import SECTIONS
from tests.emulator.handling import create
from tests.emulator.page_client import PageClient
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="manual", api_key="fib-page")


class TestReading:
    def test_one_run_has_its_nodes_diagram_and_values(self, page: PageClient, client: Fibonacci) -> None:
        nodes = llm("greet", "Greet {{input.name}}"), tool("mail", "nowhere"), llm("end", "{{mail}}")
        run = client.workflows.execute(create(client, *nodes), inputs={"name": "Ada"})
        shown = page.get(f"/ui/runs/{run.id}")
        assert '"instruction": "Greet Ada"' in shown.text
        assert "1 warning" in shown.text
        assert f"/ui/runs/{run.id}/diagram.svg" in shown.body
        picture = page.get(f"/ui/runs/{run.id}/diagram.svg")
        assert picture.headers["Content-Type"] == "image/svg+xml"
        assert "completed" in picture.text

    def test_a_failed_run_says_why(self, page: PageClient, client: Fibonacci) -> None:
        run = client.workflows.execute(create(client, llm("greet", "{{input.name}}"), llm("end", "{{greet}}")))
        shown = page.get(f"/ui/runs/{run.id}")
        assert "Why: node 'greet':" in shown.text
        assert '<a href="#at-0">Show the node</a>' in shown.body
        assert "Skipped because it depends on 'greet', which failed" in shown.text

    def test_a_request_has_both_bodies(self, page: PageClient, client: Fibonacci) -> None:
        create(client, llm("greet"), name="Tides")
        with pytest.raises(FibonacciError):
            client.workflows.get("wf-none")
        first, second = page.get("/ui/requests/1").text, page.get("/ui/requests/2").text
        assert first.count('"name": "Tides"') == 2
        assert "201 Created" in first
        assert "There is no workflow 'wf-none'." in second
        errors = page.get("/ui/requests?only=errors").text
        assert "wf-none" in errors
        assert "POST" not in errors

    def test_requests_and_the_runs_that_they_started_lead_to_each_other(
        self, page: PageClient, client: Fibonacci
    ) -> None:
        workflow = create(client, llm("greet"))
        run = client.workflows.execute(workflow).id
        client.executions.get(run)
        client.memory.set("color", "blue")
        assert f'href="/ui/runs/{run}"' in page.get("/ui/requests/2").body
        assert "Duration" in page.get("/ui/requests/2").text
        assert f'href="/ui/requests?run={run}"' in page.get(f"/ui/runs/{run}").body
        about = page.get(f"/ui/requests?run={run}").body
        assert re.findall(r'<tr id="request-(\d)', about) == ["3", "2"]
        of_route = page.get("/ui/requests?route=POST+/workflows/{id}/execute").body
        assert re.findall(r'<tr id="request-(\d)', of_route) == ["2"]
        assert "Similar ones are" in page.get("/ui/requests?route=GET+/workflow").text

    def test_memory_tools_failures_warnings(self, page: PageClient, client: Fibonacci, emulator: Emulator) -> None:
        client.memory.set("color", "blue", ttl=60)
        client.memory.set("team", {"name": "Tides"}, scope="user", user_id="ada")
        client.workflows.execute(create(client, tool("find", "serch")))
        emulator.fail("GET /tools", status=503, times=2)
        emulator.tool("lookup")(lambda call: None)
        assert 'team {"name": "Tides"} user ada' in page.get("/ui/organization").text
        assert "lookup Your own tool. custom any no your function" in page.get("/ui/organization").text
        assert "GET /tools status a response with a status code 503 2 0" in page.get("/ui/failures").text
        assert "unknown_tool" in page.get("/ui/warnings").text
        emulator.clock.advance(61)
        assert "color" not in page.get("/ui/organization").text

    @each_row("target", ["/ui/runs/exec-1", "/ui/workflows/wf-1", "/ui/requests/9", "/ui/memory/x", "/ui/no"])
    def test_what_does_not_exist_is_a_404_in_words(self, page: PageClient, target: str) -> None:
        shown = page.get(target)
        assert shown.status == 404
        assert "There is no" in shown.text
        assert "Overview" in shown.text

    @each_row("query", ["cursor=x", "cursor=", "cursor=%ff"])
    def test_a_bad_query_is_said_in_words(self, page: PageClient, query: str) -> None:
        shown = page.get(f"/ui/runs?{query}")
        assert shown.status in (400, 422)
        assert 'role="alert"' in shown.body

    def test_a_file_that_cannot_be_used_is_said_in_words(self, tmp_path: Path) -> None:
        with Emulator(db=tmp_path / "state.db") as emulator:
            page = PageClient(emulator).sign_in()
            app_of(emulator).store.connection().execute("DROP TABLE tally")
            for target in ("/", "/ui/runs", "/ui/organization"):
                shown = page.get(target)
                assert shown.status >= 500
                assert "state.db" in shown.text

    def test_a_bug_is_said_in_words(
        self, page: PageClient, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken() -> None:
            raise RuntimeError("s3cret place")

        monkeypatch.setattr(app_of(emulator).log, "newest", broken)
        shown = page.get("/ui/requests")
        assert (shown.status, "s3cret" in shown.text) == (500, False)
        assert "log says why" in shown.text


class TestRefreshing:
    """A page is read again each second."""

    def run(self, client: Fibonacci) -> str:
        nodes = llm("greet", "Greet {{input.name}}"), llm("end", "{{greet}}"), tool("pause", "wait", {"seconds": 60})
        return client.workflows.execute(create(client, *nodes), inputs={"name": "Ada"}).id

    def shown(self, page: PageClient, run: str) -> str:
        """Return what a browser tells of what it has after the first refresh."""
        parts = re.findall(r'data-part="([^"]*)"', page.get(f"/ui/runs/{run}").body)
        refreshed = page.get(f"/ui/runs/{run}", x_refresh=" ".join(["none", *parts]))
        return " ".join([refreshed.headers["X-Revision"], *parts])

    def calls(self, page: PageClient, run: str, known: str) -> int:
        count = 0

        def profile(frame: object, event: str, argument: object) -> None:
            nonlocal count
            count += event == "call"

        sys.setprofile(profile)
        try:
            page.get(f"/ui/runs/{run}", x_refresh=known)
        finally:
            sys.setprofile(None)
        return count

    def test_of_a_run_that_has_changed_only_the_parts_that_have_changed_are_sent(
        self, page: PageClient, client: Fibonacci, emulator: Emulator
    ) -> None:
        run = self.run(client)
        known = self.shown(page, run)
        emulator.clock.advance(60)
        shown = page.get(f"/ui/runs/{run}", x_refresh=known)
        assert re.findall(r'<details class="trace" id="(node-\d)" [^>]*><summary>', shown.body) == ["node-1"]
        assert re.findall(r'<section [^>]*id="(\w+)" [^>]*><h2', shown.body) == ["diagram", "results"]
        assert len(shown.body) < len(page.get(f"/ui/runs/{run}").body)

    def test_a_refresh_of_a_run_costs_little(self, page: PageClient, client: Fibonacci, emulator: Emulator) -> None:
        run = self.run(client)
        known = self.shown(page, run)
        assert self.calls(page, run, known) <= 1_000
        emulator.clock.advance(30)
        assert self.calls(page, run, known) <= 4_000
        emulator.clock.advance(30)
        assert self.calls(page, run, known) <= 4_000


class TestPlace:
    def test_it_is_counted_and_recorded_nowhere(self, page: PageClient, emulator: Emulator) -> None:
        emulator.fail("*", "reset", times=None)
        observed: list[str] = []
        app_of(emulator).observers.append(lambda request, response, seconds: observed.append(request.target))
        for target in SECTIONS.values():
            assert page.get(target).status == 200
        page.act("/ui/clock/advance", seconds="1")
        assert (emulator.requests.count, emulator.failures.delivered, observed) == (0, 0, [])
        first = app_of(emulator).account.limits.take(emulator.clock.now())
        assert first.remaining == first.limit - 1

    def test_a_socket_serves_it_with_its_headers(self) -> None:
        with Emulator() as emulator:
            address = urlsplit(emulator.base_url).netloc
            connection = http.client.HTTPConnection(address, timeout=5)
            for target, status, kind in (
                ("/", 401, "text/html; charset=utf-8"),
                ("/ui", 303, "text/html; charset=utf-8"),
                ("/ui/", 303, "text/html; charset=utf-8"),
                ("/ui/static/page.css", 200, "text/css; charset=utf-8"),
                ("/ui/static/page.js", 200, "text/javascript; charset=utf-8"),
                ("/ui/static/diagram.js", 200, "text/javascript; charset=utf-8"),
                ("/favicon.ico", 200, "image/svg+xml"),
            ):
                connection.request("GET", target)
                response = connection.getresponse()
                assert (response.status, response.headers["Content-Type"]) == (status, kind)
                assert len(response.read()) == int(response.headers["Content-Length"])
            connection.request("HEAD", "/")
            assert connection.getresponse().read() == b""
            connection.close()
