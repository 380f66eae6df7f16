"""What notebooks display: tables without scripts, in which hostile outputs are text; and nothing is sent for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Any

import pytest

from fibonacci import APIError, ExecutionFailedError, Fibonacci, NotFoundError, RunResult, RunsSummary
from fibonacci.emulator import Emulator
from fibonacci.models import AuditEntry, Execution, Model, Page, Workflow
from tests.kit.browser import dump_dom
from tests.kit.mode import Mode
from tests.kit.notebooks import html_of
from tests.kit.responses import info
from tests.models.test_models import LEAST, each_model

PAYLOADS = [
    "<script>document.documentElement.dataset.harm=1</script>",
    "<img src=x onerror='document.documentElement.dataset.harm=2'>",
    "\"'></td></pre></details><svg onload=document.documentElement.dataset.harm=3>",
    "</style></svg><iframe srcdoc='<script>parent.document.documentElement.dataset.harm=4</script>'></iframe>",
    "<a href='javascript:document.documentElement.dataset.harm=5' autofocus onfocus=this.click()>",
]
PAYLOAD = "".join(PAYLOADS)
HOOKS = ("_repr_html_", "_repr_javascript_", "_ipython_display_")


def run_of(**more: Any) -> Execution:
    return Execution.model_validate({"execution_id": "exec_1", "status": "completed", **more})


def hostile() -> Iterator[object]:
    """Yield what can be displayed, with payloads wherever the platform has a say."""
    node = {"id": PAYLOAD, "status": PAYLOAD, "error": PAYLOAD, "reason": PAYLOAD, "attempts": 2}
    definition = {"name": PAYLOAD, "nodes": [{"id": PAYLOAD, "type": PAYLOAD, "name": PAYLOAD}]}
    run = run_of(outputs={PAYLOAD: PAYLOAD, "nested": {PAYLOAD: [PAYLOAD]}}, trace=[node], **{PAYLOAD: PAYLOAD})
    yield run
    yield Workflow.model_validate({"id": PAYLOAD, "name": PAYLOAD, "definition": definition})
    yield AuditEntry.model_validate(dict.fromkeys(HOOKS, PAYLOAD))
    yield Page(items=[run, run], response=info(), next_cursor=PAYLOAD)
    yield from hostile_results(run)
    error = ExecutionFailedError(PAYLOAD, execution=run)
    error.add_note(PAYLOAD)
    error.__cause__ = ValueError(PAYLOAD)
    yield error


def hostile_results(run: Execution) -> Iterator[object]:
    """Yield what can be displayed of many runs, with payloads wherever a row or the platform has a say."""
    failed = ExecutionFailedError(PAYLOAD, execution=run)
    refused = ValueError(PAYLOAD)
    outcomes: list[tuple[Execution | None, Exception | None]] = [(run, None), (run, failed), (None, refused)]
    results = [
        RunResult(index=0, key=PAYLOAD, inputs={PAYLOAD: PAYLOAD}, execution=execution, error=error, status=PAYLOAD)
        for execution, error in outcomes
    ]
    yield from results
    yield RunsSummary(succeeded=1_200, failed=2, unknown=0, from_journal=3, left=4)
    with Emulator().client() as client:
        runs = client.workflows.run_many(PAYLOAD, [])
        yield runs
        latest: Any = runs
        latest._latest.extend(results)
        yield runs


def test_hostile_values_are_inert_in_a_browser() -> None:
    shown = "<hr>".join(map(html_of, hostile()))
    control = "<img src=x onerror='document.documentElement.dataset.control=1'>"
    found = dump_dom(f"<!doctype html><title>x</title><main>{shown}</main>{control}")
    assert 'data-control="1"' in found, "the browser has run nothing"
    assert "data-harm" not in found
    main = found[found.index("<main>") : found.index("</main>")]
    assert re.findall(r"<(script|img|iframe|a|link|object)\b", main) == []
    assert main.count("&lt;script&gt;document") > 10


@each_model
def test_every_model_is_a_table_with_headers(model: type[Model]) -> None:
    html = html_of(model.model_validate({**LEAST[model], "brand_new": "shown"}))
    assert model.__name__ in html
    assert '<th scope="col"' in html
    assert re.search(r'<th scope="row"[^>]*>brand_new</th><td[^>]*><span[^>]*>shown</span></td>', html)


class TestValues:
    """Long values are cut, nested ones can be opened."""

    def test_a_long_text_says_how_long_it_is(self) -> None:
        html = html_of(run_of(outputs={"essay": "x" * 12_345}))
        assert "(12,345 characters)" in html
        assert len(html) < 5000

    def test_nested_json_opens_without_a_script(self) -> None:
        html = html_of(run_of(outputs={"score": {"total": 7.5, "by": ["a", "b"]}}))
        assert re.search("<details><summary[^>]*>2 fields</summary>", html)
        assert "&quot;total&quot;: 7.5" in html
        assert "<script" not in html

    @pytest.mark.parametrize("outputs", [{"deep": list(range(5_000))}, {"a": {"x": "y" * 20_000}}])
    def test_the_length_is_bounded(self, outputs: dict[str, Any]) -> None:
        html = html_of(run_of(outputs=outputs))
        assert len(html) < 12_000
        assert re.search(r"\([\d,]+ characters\)", html)

    def test_no_color_and_no_font_is_set(self) -> None:
        html = html_of(Page(items=[run_of(outputs={"a": 1})] * 3, response=info()))
        assert not re.search(r"(?<!-)color:|font|#[0-9a-f]{3}|background:(?!currentColor)", html)

    def test_control_characters_and_lone_surrogates_are_shown_as_escapes(self) -> None:
        html = html_of(run_of(outputs={"a": "\x1b[2J\x00", "b": "\ud800", "c": ["\ud800"]}))
        assert r"\x1b[2J\x00" in html
        assert html.encode()


class TestExecutions:
    """Outputs and trace have tables of their own."""

    def test_the_trace_shows_state_duration_and_reason(self) -> None:
        with Emulator() as emulator, emulator.client() as client:
            nodes = [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]
            workflow = client.workflows.create(name="Greeter", definition={"nodes": nodes})
            started = client.workflows.execute(workflow.id, inputs={"name": "Ada"})
            html = html_of(client.executions.wait(started.id))
        assert html.count("<table>") >= 2
        assert re.search(r">greet</th><td[^>]*><span[^>]*>completed</span></td><td[^>]*>\d+\.\d\d s</td>", html)
        assert "Timeline" in html

    def test_a_known_definition_is_drawn_with_the_states(self) -> None:
        definition = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Hi"}]}
        html = html_of(run_of(definition=definition, trace=[{"id": "greet", "status": "failed"}]))
        assert "<svg " in html
        assert "fib-failed" in html
        assert "Nodes" not in html_of(run_of(trace="none of your business"))


class TestRuns:
    """How far the rows have come, and the latest results."""

    def test_nothing_is_run(self, mode: Mode) -> None:
        with Emulator() as emulator:
            html = html_of(mode.client_of(emulator).workflows.run_many("wf-1", [{"a": 1}] * 1_200))
            assert len(emulator.requests) == 0
        assert "of <code>wf-1</code>: 1,200 rows" in html
        assert ("async for run in runs" if mode.is_async else "<code>for run in runs") in html

    def test_the_latest_results_are_rows(self, mode: Mode) -> None:
        with Emulator() as emulator:
            client = mode.client_of(emulator)
            definition = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
            workflow = mode.run(client.workflows.create(name="Greeter", definition=definition))
            rows = [*({"name": f"n{number}"} for number in range(28)), {"nome": "Bob"}, {"name": {(1, 2): {3}}}]
            runs = client.workflows.run_many(workflow.id, rows, ordered=True)
            *_, failed, refused = mode.run(runs.results())
            html = html_of(runs)
        assert re.search(r">succeeded</th><td[^>]*>28</td>", html)
        assert re.search(r">failed</th><td[^>]*>2</td>", html)
        assert "from the journal" not in html
        assert re.findall(r'<th scope="row"[^>]*>(?:<[^>]*>)?(\d+)<', html) == [str(index) for index in range(10, 30)]
        assert "{&quot;name&quot;: &quot;n27&quot;}" in html
        assert escape(str(failed.error)) in html
        assert html_of(refused).count("(1, 2)") == 1
        assert "What it means" in html_of(failed)


class TestPages:
    """Items are rows."""

    def test_many_rows_and_columns_are_cut_and_counted(self) -> None:
        items = [run_of(**{f"extra_{number}": number for number in range(12)}) for _ in range(1200)]
        html = html_of(Page(items=items, response=info(), next_cursor="abc"))
        assert html.count("<tr>") == 21
        assert "of 1,200 items, the first 20; 6 columns not shown, more pages follow" in html

    def test_columns_without_a_value_are_left_out(self) -> None:
        html = html_of(Page(items=[run_of()], response=info()))
        assert re.findall(r'<th scope="col"[^>]*>(.*?)</th>', html) == ["#", "id", "status"]
        empty: Page[Execution] = Page(items=[], response=info())
        assert "of 0 items" in html_of(empty)


class TestPagers:
    """A pager shows what is there, and how to read the rest."""

    def test_nothing_is_sent(self, mode: Mode) -> None:
        with Emulator() as emulator:
            client = mode.client_of(emulator)
            pager = client.workflows.list()
            before = len(emulator.requests)
            html = html_of(pager)
            assert len(emulator.requests) == before
        loop = "async for item in pager" if mode.is_async else "<code>for item in pager"
        assert loop in html
        assert "nothing has been fetched yet" in html

    def test_the_page_that_first_fetched_is_shown(self, mode: Mode) -> None:
        with Emulator() as emulator:
            client = mode.client_of(emulator)
            for names in ([], ["Greeter"]):
                for name in names:
                    mode.run(client.workflows.create(name=name))
                pager = client.workflows.list()
                mode.run(pager.first())
                before = len(emulator.requests)
                html = html_of(pager)
                assert len(emulator.requests) == before
                assert f"of {len(names)} item" in html
                assert [name for name in names if name not in html] == []


class TestErrors:
    """What happened, and what it means."""

    def test_an_error_shows_what_happened_and_its_notes(self) -> None:
        with Emulator() as emulator, emulator.client() as client, pytest.raises(NotFoundError) as caught:
            client.workflows.get("wf-nope")
        caught.value.add_note("first note")
        html = html_of(caught.value)
        assert re.search(r"What happened</th><td[^>]*>GET /workflows/wf-nope: status 404", html)
        assert "first note" in html
        assert re.search(r"What it means</th><td[^>]*>404: the workflow", html)

    def test_the_body_can_be_opened(self) -> None:
        error = NotFoundError("no workflow")
        error.body = {"error": {"code": "not_found", "trace": PAYLOAD}}
        html = html_of(error)
        assert re.search(r"Body</th><td[^>]*><details><summary[^>]*>1 field</summary>", html)
        assert "<script" not in html


def test_the_key_is_in_nothing_that_is_displayed() -> None:
    key = "sk-0123456789abcdef"
    with Emulator(api_key=key) as emulator, Fibonacci(key, base_url=emulator.base_url) as client:
        workflow = client.workflows.create(name="Greeter")
        pager = client.workflows.list()
        pager.first()
        shown: list[object] = [workflow, pager, next(pager.pages())]
        with pytest.raises(APIError) as caught:
            client.workflows.get(key)
        shown.append(caught.value)
        assert [each for each in shown if key in html_of(each)] == []
        assert not hasattr(client, "_repr_html_")
