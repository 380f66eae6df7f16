"""respx mocks other hosts, and the emulator responds to the client, in one test."""

from __future__ import annotations

from tests.testing.conftest import RunPytest

MIXED = """
import asyncio

import httpx
import pytest

from fibonacci import AsyncFibonacci, Fibonacci
from respx.models import AllMockedAssertionError

OTHER = "https://other.example/news"


def test_in_process(respx_mock, fibonacci_client):
    route = respx_mock.get(OTHER).respond(json={"topic": "tides"})
    topic = httpx.get(OTHER).json()["topic"]
    assert fibonacci_client.workflows.create(name=topic).name == "tides"
    assert route.called


def test_async_in_process(respx_mock, async_fibonacci_client):
    respx_mock.get(OTHER).respond(json={"topic": "tides"})

    async def work():
        async with httpx.AsyncClient() as http:
            topic = (await http.get(OTHER)).json()["topic"]
        return await async_fibonacci_client.workflows.create(name=topic)

    assert asyncio.run(work()).name == "tides"


@pytest.fixture
def passing(respx_mock, fibonacci_emulator):
    respx_mock.route(url__startswith=fibonacci_emulator.base_url).pass_through()
    return respx_mock


@pytest.mark.parametrize("transport", ["socket", "httpx"])
def test_from_the_environment(passing, fibonacci_emulator, transport):
    passing.get(OTHER).respond(json={"topic": "tides"})
    with Fibonacci(transport=transport) as client:
        assert client.workflows.create(name=httpx.get(OTHER).json()["topic"]).name == "tides"
    assert fibonacci_emulator.requests.to("POST /workflows").count == 1


@pytest.mark.parametrize("transport", ["socket", "httpx"])
def test_async_from_the_environment(passing, fibonacci_emulator, transport):
    passing.get(OTHER).respond(json={"topic": "tides"})

    async def work():
        async with httpx.AsyncClient() as http, AsyncFibonacci(transport=transport) as client:
            return await client.workflows.create(name=(await http.get(OTHER)).json()["topic"])

    assert asyncio.run(work()).name == "tides"
    assert fibonacci_emulator.requests.to("POST /workflows").count == 1


def test_not_used_is_no_error(passing):
    pass


def test_without_the_route_respx_refuses(respx_mock, fibonacci_emulator):
    with Fibonacci(max_retries=0) as client, pytest.raises(AllMockedAssertionError, match="not mocked"):
        client.health.check()
"""


def test_respx_and_the_emulator_in_one_test(run_pytest: RunPytest) -> None:
    run_pytest(MIXED).assert_outcomes(passed=8)
