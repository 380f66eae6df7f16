"""Finding runs on the page: by workflow, state, time, and a text of their inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.state.executions import Search
from fibonacci.emulator.state.records import StoredExecution
from fibonacci.emulator.state.store import Store
from tests.emulator.handling import create
from tests.emulator.page_client import PageClient
from tests.kit.assertions import each_row
from tests.kit.nodes import llm


def execution(number: int, inputs: dict[str, Any], **more: Any) -> StoredExecution:
    """Return as much of the record of an execution as a search reads."""
    record = {"id": f"e{number}", "workflow_id": "w", "workflow_version": 1, "status": "completed", "inputs": inputs}
    times = {"created": number, "started": 1.0, "ended": 1.0}
    content: dict[str, Any] = {"error": None, "outputs": {}, "nodes": ["only in a node"]}
    return cast("StoredExecution", {**record, **content, **times, **more})


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = Store(None if request.param == "memory" else tmp_path / "state.db")
    with store.transaction():
        yield store


def matches(store: Store, search: Search, **more: Any) -> list[int]:
    return [number for number, _ in store.executions.rows(search=search, **more)]


def put(store: Store, *inputs: dict[str, Any]) -> None:
    store.reset()
    for number, given_inputs in enumerate(inputs, 1):
        store.executions.add(execution(number, given_inputs))


INPUTS: tuple[dict[str, Any], ...] = (
    {"topic": "High tides"},
    {"topic": [{"where": "École"}]},
    {"x": '\U0001f40d say "hi"\n'},
    {"x": "a%_!\\b\nce"},
    {"x": [1.5, True, None]},
)


@each_row(
    ("text", "numbers"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("TIDE", [1]),
        ("topic", [1, 2]),
        ("\U0001f40d", [3]),
        ('say "hi"\n', [3]),
        ("a%_!\\b", [4]),
        ("%", [4]),
        ("École", [2]),
        ("1.5", [5]),
        ("true", [5]),
        ("only in a node", []),
        ("completed", []),
    ],
)
def test_a_text_is_found_in_any_value(store: Store, text: str, numbers: list[int]) -> None:
    put(store, *INPUTS)
    assert matches(store, Search(text)) == numbers


class TestOnThePage:
    @pytest.fixture
    def emulator(self) -> Emulator:
        return Emulator(time="manual", api_key="fib-page")

    @pytest.fixture
    def client(self, emulator: Emulator) -> Fibonacci:
        return emulator.client()

    def runs(self, page: PageClient, query: str) -> list[str]:
        """Return the runs that the list shows, by the texts of their first inputs."""
        return re.findall(r'<p class="note">topic: (.*?)</p>', page.get(f"/ui/runs?{query}").body)

    def test_runs_are_found_by_what_was_given_and_came_out(self, page: PageClient, client: Fibonacci) -> None:
        workflow = create(client, llm("greet", "Sailing {{input.topic}}"), name="Tides")
        for topic in ("high water", "low water", "moon"):
            client.workflows.execute(workflow, inputs={"topic": topic})
        client.workflows.execute(create(client, llm("other")), inputs={"topic": "water"})
        client.workflows.execute(workflow)
        assert self.runs(page, "") == ["water", "moon", "low water", "high water"]
        assert self.runs(page, "q=WATER") == ["water", "low water", "high water"]
        assert self.runs(page, f"q=water&workflow_id={workflow}") == ["low water", "high water"]
        assert self.runs(page, "q=sailing&status=completed") == ["moon", "low water", "high water"]
        assert self.runs(page, "q=&status=&workflow_id=&from=&to=") == self.runs(page, "")
        assert self.runs(page, "status=failed") == []
        assert "No runs match this search." in page.get("/ui/runs?q=nothing").text

    def test_times_are_those_of_the_clock_and_include_what_was_entered(
        self, page: PageClient, client: Fibonacci, emulator: Emulator
    ) -> None:
        workflow = create(client, llm("greet"))
        app_of(emulator).clock.advance_to(4_102_444_799)  # the last second of 2099
        for topic in ("old", "new"):
            client.workflows.execute(workflow, inputs={"topic": topic})
            emulator.clock.advance(60)
        assert self.runs(page, "to=2099-12-31") == ["old"]
        assert self.runs(page, "from=2100-01-01T00:00") == ["new"]
        assert self.runs(page, "to=2100-01-01T00:00") == ["new", "old"]
        assert self.runs(page, "from=2099-12-31T23:59:59&to=2099-12-31T23:59:59") == ["old"]

    def test_a_fault_is_said_at_its_field(self, page: PageClient) -> None:
        shown = page.get("/ui/runs?from=soon")
        assert "must be a time such as 2026-01-31 or 2026-01-31T10:00, not 'soon'" in shown.text
        assert shown.form("find")["from"] == "soon"
