"""The page: what it shows, and what its forms do."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fibonacci import Fibonacci, FibonacciError
from fibonacci.emulator import Emulator, ToolCall
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.page.layout import SECTIONS
from tests.emulator.api import llm, tool
from tests.emulator.page_client import PageClient

MAIL = tool("tell", "email_send", {"to": "team@example.org", "subject": "News", "body": "High tide"})


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="manual", api_key="fib-page")


@pytest.fixture
def client(emulator: Emulator) -> Fibonacci:
    return emulator.client()


@pytest.fixture
def page(emulator: Emulator) -> PageClient:
    return PageClient(emulator).sign_in()


def create(client: Fibonacci, *nodes: dict[str, Any], name: str = "Greeter") -> str:
    return client.workflows.create(name=name, definition={"nodes": list(nodes)}).id


def waiting_run(client: Fibonacci) -> str:
    client.organizations.governance.update("default", require_approval_for_external_comm=True)
    return client.workflows.execute(create(client, MAIL)).id


class TestReading:
    def test_an_empty_emulator_says_how_to_begin(self, page: PageClient) -> None:
        text = page.get("/").text
        assert "export FIBONACCI_BASE_URL=http://127.0.0.1:8787/v1" in text
        assert "client = Fibonacci()" in text

    def test_every_section_has_a_page_of_its_own_title(self, page: PageClient) -> None:
        titles = [page.get(target).body.partition("<title>")[2].partition(" · ")[0] for target in SECTIONS.values()]
        assert titles == list(SECTIONS)

    def test_runs_by_state_and_workflow(self, page: PageClient, client: Fibonacci) -> None:
        greeter, slow = (
            create(client, llm("greet")),
            create(client, tool("pause", "wait", {"seconds": 60}), name="Slow"),
        )
        done, running = client.workflows.execute(greeter), client.workflows.execute(slow)
        assert {done.id, running.id} <= set(page.get("/ui/runs").text.split())
        only_running = page.get("/ui/runs?status=running").text
        assert running.id in only_running
        assert done.id not in only_running
        assert "Slow" not in page.get(f"/ui/runs?workflow_id={greeter}").text
        assert "Runs 1 running" in page.get("/").text

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
        shown = page.get(f"/ui/runs/{run.id}").text
        assert "Why: node 'greet':" in shown
        assert "Skipped because it depends on 'greet', which failed" in shown

    def test_what_is_due_happens_while_the_page_is_looked_at(
        self, page: PageClient, client: Fibonacci, emulator: Emulator
    ) -> None:
        run = client.workflows.execute(create(client, tool("pause", "wait", {"seconds": 60})))
        assert "running" in page.get(f"/ui/runs/{run.id}").text
        emulator.clock.advance_to(emulator.clock.now() + 61)
        assert "Runs 1 running" not in page.get("/ui/clock").text
        assert "Overview Runs Approvals" in page.get("/ui/clock").text

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

    def test_memory_tools_limits_failures_warnings(
        self, page: PageClient, client: Fibonacci, emulator: Emulator
    ) -> None:
        client.memory.set("color", "blue", ttl=60)
        client.memory.set("team", {"name": "Tides"}, scope="user", user_id="ada")
        client.workflows.execute(create(client, tool("find", "serch")))
        emulator.fail("GET /tools", status=503, times=2)
        emulator.tool("lookup")(lambda call: None)
        assert 'team user ada {"name": "Tides"}' in page.get("/ui/memory").text
        assert "lookup custom A tool of your own. any no your function" in page.get("/ui/tools").text
        assert "1 min 4 1,000,000 999,996" in page.get("/ui/limits").text
        assert "workflow_runs_per_hour 1 10,000,000" in page.get("/ui/limits").text
        assert "GET /tools status a response with a status 503 2 of 2 0" in page.get("/ui/failures").text
        assert "unknown_tool" in page.get("/ui/warnings").text
        emulator.clock.advance(61)
        assert "color" not in page.get("/ui/memory").text

    def test_a_long_value_is_cut_and_can_be_seen_whole(self, page: PageClient, client: Fibonacci) -> None:
        text = "wave " * 2_000 + "the end"
        client.memory.set("long", text)
        cut = page.get("/ui/memory/1")
        assert "the end" not in cut.text
        assert "Show all 10,007 characters" in cut.text
        assert "the end" in page.get("/ui/memory/1?full=value").text

    @pytest.mark.parametrize(
        "target", ["/ui/runs/exec-1", "/ui/workflows/wf-1", "/ui/requests/9", "/ui/memory/x", "/ui/no"]
    )
    def test_what_does_not_exist_is_a_404_in_words(self, page: PageClient, target: str) -> None:
        shown = page.get(target)
        assert shown.status == 404
        assert "There is no" in shown.text
        assert "Overview" in shown.text

    @pytest.mark.parametrize("query", ["cursor=x", "cursor=", "status=", "cursor=%ff"])
    def test_a_bad_query_is_said_in_words(self, page: PageClient, query: str) -> None:
        shown = page.get(f"/ui/runs?{query}")
        assert shown.status in (400, 422)
        assert 'role="alert"' in shown.body

    def test_a_file_that_is_gone_is_said_in_words(self, tmp_path: Path) -> None:
        with Emulator(path=tmp_path / "state.db") as emulator:
            page = PageClient(emulator).sign_in()
            (tmp_path / "state.db").unlink()
            for target in ("/", "/ui/runs", "/ui/memory", "/ui/limits"):
                shown = page.get(target)
                assert shown.status >= 500
                assert "state.db" in shown.text

    def test_a_bug_is_said_in_words(
        self, page: PageClient, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken() -> None:
            raise RuntimeError("s3cret place")

        monkeypatch.setattr(emulator.app.log, "newest", broken)
        shown = page.get("/ui/requests")
        assert (shown.status, "s3cret" in shown.text) == (500, False)
        assert "log says why" in shown.text


class TestPaging:
    def test_lists_have_pages(self, page: PageClient, client: Fibonacci) -> None:
        workflow = create(client, llm("greet"))
        runs = [client.workflows.execute(workflow).id for _ in range(60)]
        for number in range(60):
            client.memory.set(f"key-{number}", number)
        assert self.followed(page, "/ui/runs", "exec_") == runs[::-1]
        assert self.followed(page, "/ui/memory", "key-") == [f"key-{number}" for number in reversed(range(60))]
        requests = self.followed(page, "/ui/requests", "/v1/memory/")
        assert requests == [f"/v1/memory/key-{number}" for number in reversed(range(60))]

    def followed(self, page: PageClient, target: str, prefix: str) -> list[str]:
        """Return all words with a prefix that the main parts of the pages of a list have."""
        found: list[str] = []
        while target:
            shown = page.get(target)
            found += [word for word in shown.main.split() if word.startswith(prefix)]
            target = shown.next_page
        return found

    def test_a_long_trace_has_pages(self, page: PageClient, client: Fibonacci) -> None:
        run = client.workflows.execute(create(client, *(llm(f"n{number}") for number in range(120)))).id
        shown = page.get(f"/ui/runs/{run}")
        assert [tag for tag in shown.tags if tag == "details"] == ["details"] * 50
        assert "Nodes 1 to 50 51 to 100 101 to 120" in shown.text
        assert page.get(f"/ui/runs/{run}?from=100").tags.count("details") == 20
        assert "n119 llm" in page.get(f"/ui/runs/{run}?from=100").text

    def test_a_page_reads_no_more_than_it_shows(
        self, page: PageClient, client: Fibonacci, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workflow = create(client, llm("greet"))
        for _ in range(100):
            client.workflows.execute(workflow)
        read = 0
        rows = emulator.app.store.executions.rows

        def counted(*name: str, **options: Any) -> Iterator[Any]:
            nonlocal read
            for row in rows(*name, **options):
                read += 1
                yield row

        monkeypatch.setattr(emulator.app.store.executions, "rows", counted)
        page.get("/ui/runs")
        assert read <= 26


class TestActions:
    def test_approve(self, page: PageClient, client: Fibonacci) -> None:
        run = waiting_run(client)
        assert "Approvals 1 waiting" in page.get("/").text
        shown = page.act(f"/ui/runs/{run}/decision", by="admin", decision="approve", back="/ui/approvals")
        assert "admin approved the run. State: completed." in shown.text
        assert client.executions.get(run).status == "completed"

    def test_reject(self, page: PageClient, client: Fibonacci) -> None:
        run = waiting_run(client)
        page.act(f"/ui/runs/{run}/decision", by="admin", decision="reject")
        assert client.executions.get(run).status == "cancelled"

    @pytest.mark.parametrize(
        ("form", "reason"),
        [
            ({"by": "owner", "decision": "approve"}, "owner may not approve a run of their own."),
            ({"by": "nobody", "decision": "approve"}, "is no role and nobody with a key"),
            ({"by": "", "decision": "approve"}, "name who decides"),
            ({"by": "admin", "decision": "perhaps"}, "approve or reject"),
        ],
    )
    def test_a_refused_decision_says_why(
        self, page: PageClient, client: Fibonacci, form: dict[str, str], reason: str
    ) -> None:
        run = waiting_run(client)
        shown = page.act(f"/ui/runs/{run}/decision", **form, back="/ui/approvals")
        assert reason in shown.text
        assert "<title>Approvals" in shown.body
        assert client.executions.get(run).status == "pending_approval"

    def test_run_a_workflow(self, page: PageClient, client: Fibonacci) -> None:
        workflow = create(client, llm("greet", "Greet {{input.name}}"))
        assert '{ "name": "" }' in page.get(f"/ui/workflows/{workflow}").text
        shown = page.act(f"/ui/workflows/{workflow}/execute", inputs='{"name": "Ada"}')
        assert "Greet Ada" in shown.text
        assert client.executions.list().first() is not None

    @pytest.mark.parametrize(
        ("inputs", "reason"),
        [
            ('{"name": ', "is not JSON: Expecting value: line 1 column 9"),
            ("[1]", "is a JSON object such as"),
            ('{"name": NaN}', "NaN is not a JSON number"),
            ('{"name": "' + "x" * 50 + '"', "is not JSON"),
        ],
    )
    def test_faulty_inputs_are_said_and_kept(
        self, page: PageClient, client: Fibonacci, inputs: str, reason: str
    ) -> None:
        workflow = create(client, llm("greet", "Greet {{input.name}}"))
        back = f"/ui/workflows/{workflow}"
        shown = page.act(f"{back}/execute", inputs=inputs, back=back)
        assert reason in shown.text
        assert inputs in shown.text
        assert client.executions.list().first() is None
        assert reason not in page.get(back).text

    def test_cancel_a_run(self, page: PageClient, client: Fibonacci) -> None:
        run = client.workflows.execute(create(client, tool("pause", "wait", {"seconds": 60}))).id
        assert "canceled" in page.act(f"/ui/runs/{run}/cancel").text
        assert client.executions.get(run).status == "cancelled"
        assert "cannot be canceled" in page.act(f"/ui/runs/{run}/cancel", back=f"/ui/runs/{run}").text

    def test_advance_the_clock(self, page: PageClient, client: Fibonacci, emulator: Emulator) -> None:
        run = client.workflows.execute(create(client, tool("pause", "wait", {"seconds": 60}))).id
        before = emulator.clock.now()
        page.act("/ui/clock/advance", by="3600")
        page.act("/ui/clock/advance", seconds="0.5")
        assert emulator.clock.now() - before == 3600.5
        assert client.executions.get(run).status == "completed"
        for wrong in ("", "soon", "-1", "nan", "1e300"):
            shown = page.act("/ui/clock/advance", seconds=wrong, back="/ui/clock")
            assert "seconds" in shown.text.partition("Clock")[2]
            assert 'role="alert"' in shown.body
        assert emulator.clock.now() - before == 3600.5

    def test_inject_and_remove_failures(self, page: PageClient, client: Fibonacci, emulator: Emulator) -> None:
        page.act(
            "/ui/failures/inject",
            route="GET /tools",
            kind="status",
            status="503",
            times="1",
            seconds="",
            retry_after="",
        )
        assert [(each.route, each.status, each.times) for each in emulator.failures] == [("GET /tools", 503, 1)]
        with pytest.raises(FibonacciError):
            client.with_options(max_retries=0).tools.list().first()
        page.act("/ui/failures/inject", route="*", kind="delay", seconds="2.5", times="1", always="true")
        assert (emulator.failures[1].times, emulator.failures[1].seconds) == (None, 2.5)
        page.act("/ui/failures/clear")
        assert len(emulator.failures) == 0

    @pytest.mark.parametrize(
        ("form", "reason"),
        [
            ({"route": "GET /tool"}, "Near it are"),
            ({"route": ""}, "is a method and a path such as GET /tools"),
            ({"route": "*", "kind": "nonsense"}, "kind"),
            ({"route": "*", "kind": "reset", "status": "500"}, "belongs to status, rate_limit, html"),
            ({"route": "*", "times": "0.5"}, "times"),
            ({"route": "*", "status": "many"}, "is a number such as 60, not 'many'"),
        ],
    )
    def test_a_failure_that_is_not_valid_says_why(
        self, page: PageClient, emulator: Emulator, form: dict[str, str], reason: str
    ) -> None:
        shown = page.act("/ui/failures/inject", **form, back="/ui/failures")
        assert reason in shown.text
        assert len(emulator.failures) == 0

    def test_delete_a_value_and_clear_the_log(self, page: PageClient, client: Fibonacci, emulator: Emulator) -> None:
        client.memory.set("color", "blue", scope="user", user_id="ada")
        client.memory.set("color", "red")
        assert "color is deleted." in page.act("/ui/memory/1/delete").text
        assert [entry["value"] for entry in emulator.app.store.memory.records()] == ["red"]
        assert "it may have expired" in page.act("/ui/memory/1/delete", back="/ui/memory").text
        page.act("/ui/requests/clear")
        assert emulator.requests.count == 0

    @pytest.mark.parametrize("back", ["//evil.example", "https://evil.example/", "/v1/x", "/ui/\r\nSet-Cookie: x", ""])
    def test_a_form_leads_nowhere_else(self, page: PageClient, back: str) -> None:
        assert page.post("/ui/clock/advance", seconds="x", back=back).headers["Location"] == "/"


class TestPlace:
    def test_it_is_counted_and_recorded_nowhere(self, page: PageClient, emulator: Emulator) -> None:
        emulator.fail("*", "reset", times=None)
        observed: list[str] = []
        emulator.app.observers.append(lambda request, response, seconds: observed.append(request.target))
        for target in SECTIONS.values():
            assert page.get(target).status == 200
        page.act("/ui/clock/advance", seconds="1")
        assert (emulator.requests.count, emulator.failures.delivered, observed) == (0, 0, [])
        assert emulator.app.account.limits.usage("default", emulator.clock.now())[0].used == 0

    @pytest.mark.parametrize("target", ["/v1", "/workflows", "/ui", "/uix", "*", "/_emulator/failures"])
    def test_other_paths_are_the_applications(self, page: PageClient, target: str) -> None:
        assert page.get(target).headers["Content-Type"] == "application/json"

    def test_it_is_not_in_process(self, emulator: Emulator) -> None:
        assert emulator.app.handle(ServerRequest("GET", "/", {})).status == 401

    def test_a_socket_serves_it_with_its_headers(self) -> None:
        with Emulator() as emulator:
            address = urlsplit(emulator.base_url).netloc
            connection = http.client.HTTPConnection(address, timeout=5)
            for target, status, kind in (
                ("/", 401, "text/html; charset=utf-8"),
                ("/ui/static/page.css", 200, "text/css; charset=utf-8"),
                ("/ui/static/page.js", 200, "text/javascript; charset=utf-8"),
                ("/favicon.ico", 200, "image/svg+xml"),
            ):
                connection.request("GET", target)
                response = connection.getresponse()
                assert (response.status, response.headers["Content-Type"]) == (status, kind)
                assert len(response.read()) == int(response.headers["Content-Length"])
            connection.request("HEAD", "/")
            assert connection.getresponse().read() == b""
            connection.close()

    def test_a_run_of_the_page_does_not_wait_for_its_end(self, page: PageClient, emulator: Emulator) -> None:
        @emulator.tool("slow")
        def slow(call: ToolCall) -> str:
            return "done"

        workflow = create(emulator.client(), tool("slow", "slow"))
        assert page.post(f"/ui/workflows/{workflow}/execute", inputs="").status == 303
