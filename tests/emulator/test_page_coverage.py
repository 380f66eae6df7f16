"""The page of a workflow shows what its runs have reached."""

from __future__ import annotations

import re

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from tests.emulator.handling import create
from tests.emulator.page_client import PageClient
from tests.kit.nodes import llm

NODES = [
    {
        "id": "big",
        "type": "conditional",
        "left_value": "{{input.amount}}",
        "operator": "greater_than",
        "right_value": 100,
        "true_branch": ["ask"],
    },
    llm("ask", "<b>hunter2hunter2</b>"),
]


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="manual", api_key="fib-page", secrets={"TOKEN": "hunter2hunter2"})


def test_the_page_shows_what_the_runs_have_reached(page: PageClient, client: Fibonacci) -> None:
    workflow = create(client, *NODES)
    plain = page.get(f"/ui/workflows/{workflow}")
    assert f'href="/ui/workflows/{workflow}?show=coverage"' in plain.body
    client.workflows.run(workflow, inputs={"amount": 5})
    shown = page.get(f"/ui/workflows/{workflow}?show=coverage")
    assert "Runs 1 Nodes 2 Miss 1 Branch 2 BrPart 1 Cover 50%" in shown.text
    assert "big never took the branch true inputs={'amount': 101} ask never ran inputs={'amount': 101}" in shown.text
    source = re.search(r'<image href="([^"]*)"', shown.body)
    assert source
    picture = page.get(source[1].replace("&amp;", "&"))
    assert "true: never" in picture.body
    assert "hunter2hunter2" not in picture.body + shown.body
    client.workflows.run(workflow, inputs={"amount": 101})
    assert "The runs have reached everything." in page.get(f"/ui/workflows/{workflow}?show=coverage").text


def test_it_counts_the_runs_of_versions_with_the_same_meaning(page: PageClient, client: Fibonacci) -> None:
    workflow = create(client, *NODES)
    coverage = f"/ui/workflows/{workflow}?show=coverage"
    client.workflows.run(workflow, inputs={"amount": 5})
    client.workflows.update(workflow, definition={"nodes": NODES[::-1]})
    client.workflows.run(workflow, inputs={"amount": 5})
    assert "Runs 2 Nodes" in page.get(coverage).text, "the order of nodes means nothing"
    client.workflows.update(workflow, definition={"nodes": [NODES[0] | {"right_value": 7}, NODES[1]]})
    assert "Runs 0 Nodes" in page.get(coverage).text
