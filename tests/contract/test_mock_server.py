"""Both clients read every response of a mock server that others have made from `docs/openapi.yaml`.

The mock server also checks the requests, by its own reading of the document.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fibonacci import Fibonacci, FibonacciError, ValidationError
from tests.contract.document import example_of, operations
from tests.contract.prism import prism
from tests.endpoints.endpoint_row import EndpointRow
from tests.endpoints.table import ROWS
from tests.kit.mode import TWO_MODES, Mode

EXAMPLES = {each.id: example_of(each.success) for each in operations() if "content" in each.success}
"""The documented response of each operation that has one."""


def test_responses_that_are_the_documented_examples() -> None:
    with prism() as base_url:
        assert failures(base_url, example_fault) == {}
        with Fibonacci("key", base_url=base_url) as client, pytest.raises(ValidationError):
            client.workflows.list(page_size=201).first()  # it does check requests


def test_responses_made_from_the_schemas() -> None:
    with prism("--ignoreExamples") as base_url:
        assert failures(base_url, type_fault) == {}


def test_random_responses() -> None:
    with prism("--dynamic", "--seed", "fibonacci") as base_url:
        assert failures(base_url, random_fault) == {}


def failures(base_url: str, fault: Callable[[EndpointRow, Any], str]) -> dict[str, str]:
    """Make the call of each row in both modes; return what is wrong, by row."""
    found: dict[str, str] = {}
    for name in TWO_MODES:
        with Mode(name) as mode:
            for number, row in enumerate(ROWS):
                # A key of its own for each call: the rate limit of a random response is not that of the next call.
                client = mode.client(f"key-{name}-{number}", base_url=base_url, max_retries=0)
                try:
                    result = mode.run(row.on(client).first() if row.is_list else row.on(client))
                except FibonacciError as error:
                    # The mock server doesn't know which object was asked for. The client is right to refuse another.
                    wrong = "" if ", the response is about '" in str(error) else str(error)
                else:
                    wrong = fault(row, result) or request_fault(result)
                if wrong:
                    found[f"{name} {row}"] = wrong
    return found


def example_fault(row: EndpointRow, result: Any) -> str:
    """Say how a result differs from the documented example."""
    if type_fault(row, result) or result is None:
        return type_fault(row, result)
    example = EXAMPLES[row.call] if row.bare else EXAMPLES[row.call]["data"]
    expected = example[0] if row.is_list else example
    found = result.model_dump(mode="json")
    return "" if found == expected else f"{found} is not {expected}"


def type_fault(row: EndpointRow, result: Any) -> str:
    """Say that a result has another type than the row has."""
    return "" if type(result) is row.returns else f"{result!r} is no {row.returns.__name__}"


def random_fault(row: EndpointRow, result: Any) -> str:
    """Say that a result has another type than the row has; a random list may be empty."""
    return "" if row.is_list and result is None else type_fault(row, result)


def request_fault(result: Any) -> str:
    """Say what the mock server has against the request: Prism names it in a header of the response."""
    header = "[]" if result is None else result.response.headers.get("sl-violations", "[]")
    violations: list[dict[str, Any]] = json.loads(header)
    return "; ".join(each["message"] for each in violations if each["location"][0] == "request")
