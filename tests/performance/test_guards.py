"""What must not become dearer, by counts rather than by clocks; what importing loads is in `tests/test_startup.py`.

The figures are ratios to the same thing done by hand, measured in the same run, so that neither the machine nor the
version of Python matters much; what they may grow by is named beside them.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci.definitions import check_definition
from fibonacci.models import Workflow
from tests.tools.benchmarks.guards import lines_run, peak_of

pytestmark = pytest.mark.slow

KEY = "key"
# Twice the work takes twice the lines, and on a busy machine a hundredth more; a search of all that is there, far more.
LINEAR = 2.06
# Relative to the same by hand: as measured in November 2026, and a tenth.
MEMORY = 0.89 * 1.1
LINES = 0.42 * 1.1
# Relative to a copy of the definition: as measured in November 2026, before templates had types, and as much again.
CHECK = 6.3 * 2


def burst(url: str, number: int) -> None:
    """So many calls at once, twice: first the connections are opened, then they are found open."""

    async def run() -> None:
        async with AsyncFibonacci(KEY, base_url=f"{url}/v1") as client:
            for _ in range(2):
                await asyncio.gather(*(client.workflows.get("wf-1") for _ in range(number)))

    asyncio.run(run())


def iterate(client: Fibonacci, limit: int) -> int:
    return sum(1 for _ in client.workflows.list(page_size=limit))


def test_calls_in_flight_cost_the_same_however_many_there_are(url: str) -> None:
    burst(url, 1)
    few, many = (min(lines_run(partial(burst, url, number)) for _ in range(5)) for number in (100, 400))
    # How many calls wait for their responses is chance, and takes lines: the fewest of five count. A search of all
    # connections that took a thirtieth of the lines of a hundred calls would take more than a tenth of those of four
    # hundred.
    assert many / few < 4 * 1.1


def test_pages_cost_the_same_however_many_there_are(url: str) -> None:
    few, many = (Fibonacci(KEY, base_url=f"{url}/pages={number}") for number in (300, 600))
    with few, many:
        assert (iterate(few, 2), iterate(many, 2)) == (600, 1200)
        assert lines_run(partial(iterate, many, 2)) / lines_run(partial(iterate, few, 2)) < LINEAR


def test_objects_of_a_page_cost_the_same_however_many_there_are(url: str) -> None:
    with Fibonacci(KEY, base_url=f"{url}/v1") as client:
        iterate(client, 1000)
        iterate(client, 2000)
        few, many = (lines_run(partial(iterate, client, limit)) for limit in (1000, 2000))
    assert many / few < LINEAR


def test_one_page_is_held(url: str) -> None:
    few, many = (Fibonacci(KEY, base_url=f"{url}/pages={number}") for number in (4, 40))
    with few, many:
        for client in (few, many):
            iterate(client, 100)
        assert peak_of(partial(iterate, many, 100)) / peak_of(partial(iterate, few, 100)) < 1.1


def test_a_call_leaves_nothing_behind(url: str) -> None:
    with Fibonacci(KEY, base_url=f"{url}/v1") as client:
        call = partial(client.workflows.get, "wf-1")
        for _ in range(50):
            call()
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(200):
            call()
        gc.collect()
        # Less than one block in ten calls.
        assert sys.getallocatedblocks() - before < 20


def test_the_memory_of_a_call(url: str) -> None:
    ratio = beside_by_hand(url, peak_of)
    assert ratio < MEMORY


def test_the_lines_of_a_call(url: str) -> None:
    ratio = beside_by_hand(url, lines_run)
    assert ratio < LINES


def definition_of(nodes: int) -> dict[str, Any]:
    """Return a definition of so many nodes: groups of five, each of which reads the output of the one before."""
    urgency = {"type": "object", "properties": {"urgency": {"enum": ["high", "low"]}}, "required": ["urgency"]}
    made: list[dict[str, Any]] = []
    for number in range(nodes // 5):
        before = f"{{{{sort-{number - 1}.urgency}}}}" if number else "{{input.mail}}"
        said = f"{{{{sort-{number}.urgency}}}}"
        gate = {"left_value": said, "operator": "equals", "right_value": "high", "true_branch": [f"tell-{number}"]}
        made += [
            {"id": f"sort-{number}", "type": "llm", "instruction": f"Sort {before}", "output_schema": urgency},
            {"id": f"sum-{number}", "type": "llm", "instruction": f"Sum up {said} and {{{{input.mail}}}}"},
            {"id": f"judge-{number}", "type": "critic", "target_node": f"sum-{number}", "criteria": ["short"]},
            {"id": f"gate-{number}", "type": "conditional", **gate},
            {
                "id": f"tell-{number}",
                "type": "tool",
                "tool": "slack_send_message",
                "params": {"channel": "#all", "message": f"{{{{sum-{number}}}}}: {{{{judge-{number}.overall_score}}}}"},
            },
        ]
    inputs = {"type": "object", "properties": {"mail": {"type": "string"}}, "required": ["mail"]}
    return {"input_schema": inputs, "nodes": made, "outputs": {"last": f"{{{{sort-{nodes // 5 - 1}}}}}"}}


def test_a_node_of_a_definition_costs_the_same_however_many_there_are() -> None:
    few, many = (lines_run(partial(check_definition, definition_of(nodes))) for nodes in (500, 1000))
    assert many / few < 2 * 1.1  # the square would be four


def test_a_check_of_a_thousand_nodes() -> None:
    definition = definition_of(1000)
    assert check_definition(definition) == []
    check, other = (lines_run(partial(action, definition)) for action in (check_definition, copy.deepcopy))
    assert check / other < CHECK


def beside_by_hand(url: str, count: Callable[[Callable[[], object]], int]) -> float:
    """Return the cost of a call relative to httpx's: the least of a few, for one may fill a cache."""
    with Fibonacci(KEY, base_url=f"{url}/v1") as client, httpx.Client(headers={"Authorization": "Bearer key"}) as bare:

        def by_hand() -> Workflow:
            return Workflow.model_validate(bare.get(f"{url}/v1/workflows/wf-1").json()["data"])

        own, other = (min(count(call) for _ in range(5)) for call in (partial(client.workflows.get, "wf-1"), by_hand))
    return own / other
