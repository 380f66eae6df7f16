"""The page's versions of a workflow: the list, how two differ, and rolling back."""

from __future__ import annotations

import re
from html import unescape

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from tests.emulator.handling import create
from tests.emulator.page_client import PageClient, PageResponse
from tests.kit.nodes import llm, tool

PROMPT = "Greet {{input.name}}.\nBe kind.\nUse two lines."


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="manual", api_key="fib-page", secrets={"TOKEN": "hunter2hunter2"})


@pytest.fixture
def workflow(client: Fibonacci) -> str:
    """Return a workflow with three versions."""
    workflow = create(client, llm("greet", PROMPT), name="Greeter")
    client.workflows.update(workflow, definition={"nodes": [llm("greet", PROMPT.replace("kind", "brief"))]})
    nodes = [llm("greet", PROMPT.replace("kind", "brief"), temperature=0.2), tool("look", "web_search", {"query": "x"})]
    client.workflows.update(workflow, name="Greeter 2", definition={"nodes": nodes})
    return workflow


def lines(shown: PageResponse) -> list[str]:
    """Return the lines of the comparison, each with its sign."""
    block = re.search(r'<pre class="diff.*?>\n(.*?)</pre>', shown.body, re.DOTALL)
    assert block
    found = re.findall(r"<(del|ins|span|i)[^>]*>(.*?)</\1>", block[1], re.DOTALL)
    return [unescape(re.sub(r"<[^>]*>", "", text)) for _, text in found]


def test_the_list_has_the_newest_first(page: PageClient, client: Fibonacci, workflow: str) -> None:
    shown = page.get(f"/ui/workflows/{workflow}")
    assert re.findall(r'<tr id="version-(\d)">', shown.body) == ["3", "2", "1"]
    assert "3 (latest) an update 2 Greeter 2" in shown.text
    assert "1 the creation of the workflow 1 Greeter" in shown.text
    assert f'href="/ui/workflows/{workflow}/versions/3"' in shown.body
    for number in range(25):
        client.workflows.update(workflow, name=f"Greeter {number}")
    rest = page.get(page.get(f"/ui/workflows/{workflow}").next_page)
    assert re.findall(r'<tr id="version-(\d)">', rest.body) == ["3", "2", "1"]


def test_a_version_is_compared_with_the_one_before_by_meaning_and_line_by_line(page: PageClient, workflow: str) -> None:
    second = page.get(f"/ui/workflows/{workflow}/versions/2")
    before = second.text.partition("Roll back to version")[0]
    assert "1 difference in what the definitions mean: greet.instruction was changed." in before
    assert [line for line in lines(second) if line[0] in "-+"] == ["-Be kind.", "+Be brief."]
    third = page.get(f"/ui/workflows/{workflow}/versions/3")
    assert "greet.temperature was changed. The node look was added." in third.text
    assert '-  "name": "Greeter",' in lines(third)
    assert '+  "name": "Greeter 2",' in lines(third)
    assert "Changes since" not in page.get(f"/ui/workflows/{workflow}/versions/1").text


def test_rolling_back_asks_first_and_says_what_happens(page: PageClient, client: Fibonacci, workflow: str) -> None:
    target = f"/ui/workflows/{workflow}/versions/1"
    shown = page.get(target)
    assert "<title>Version 1 of Greeter 2 · " in shown.body
    assert "Roll back to version 1? This creates version 4" in shown.text
    assert "Versions 1 to 3 stay" in shown.text
    assert "-Be brief." in lines(shown)
    assert client.workflows.get(workflow).version == 3
    done = page.act(f"{target}/rollback", **shown.form("rollback-form"))
    assert "The workflow is back at version 1, as version 4." in done.text
    assert client.workflows.get(workflow).name == "Greeter"
    assert "4 (latest) a rollback to version 1 1 Greeter" in page.get(f"/ui/workflows/{workflow}").text
    assert "Roll back" not in page.get(f"/ui/workflows/{workflow}/versions/4").text


def test_a_workflow_that_was_changed_meanwhile_is_not_rolled_back(
    page: PageClient, client: Fibonacci, workflow: str
) -> None:
    target = f"/ui/workflows/{workflow}/versions/1"
    form = page.get(target).form("rollback-form")
    client.workflows.update(workflow, description="Newer")
    assert "is 4 now, because somebody changed the workflow" in page.act(f"{target}/rollback", **form).text
    assert client.workflows.get(workflow).version == 4


def test_no_secret_is_in_a_comparison_whichever_part_of_it_differs(page: PageClient, client: Fibonacci) -> None:
    workflow = create(client, llm("greet", "Use hunter2hunter2 now"))
    client.workflows.update(workflow, definition={"nodes": [llm("greet", "Use hunter2 hunter now")]})
    for target in ("versions/2", "versions/1"):
        body = page.get(f"/ui/workflows/{workflow}/{target}").body
        assert "hunter2hunter2" not in re.sub(r"<[^>]*>", "", body)
        assert "***" in body
