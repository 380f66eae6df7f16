from __future__ import annotations

import asyncio
import re
import socket

import pytest

from fibonacci import APIConnectionError, AsyncFibonacci, Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.errors import APIStatusError


def over_socket(emulator: Emulator, key: str | None = None) -> Fibonacci:
    return Fibonacci(key or emulator.api_key, base_url=emulator.base_url, max_retries=0, rate_limiter="off")


def status(emulator: Emulator, key: str | None = None) -> int:
    with over_socket(emulator, key) as client:
        try:
            return client.health.check().response.status_code
        except APIStatusError as error:
            return error.status_code


def test_an_emulator_listens_within_its_context() -> None:
    with Emulator() as emulator:
        assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/v1", emulator.base_url)
        assert re.fullmatch(r"fib-emulator-[0-9a-f]+", emulator.api_key)
        assert status(emulator) == 200
        assert status(emulator, "wrong") == 401
        assert emulator.base_url in repr(emulator)
        assert emulator.api_key not in repr(emulator)
        client = over_socket(emulator)
    with pytest.raises(APIConnectionError, match="refused"):
        client.health.check()
    client.close()
    assert repr(emulator) == "<Emulator in process>"


def test_base_url_requires_listening() -> None:
    with pytest.raises(RuntimeError, match="is not listening"):
        _ = Emulator().base_url


def test_start_and_close_are_idempotent_and_keep_the_state() -> None:
    emulator = Emulator(api_key="fib-mine")
    emulator.close()
    assert emulator.start() is emulator
    address = emulator.base_url
    assert emulator.start().base_url == address
    with over_socket(emulator) as client:
        client.workflows.create(name="x")
    emulator.close()
    emulator.close()
    emulator.start()
    with over_socket(emulator) as client:
        assert [workflow.name for workflow in client.workflows.list()] == ["x"]
    emulator.close()


def test_an_async_context() -> None:
    async def use() -> bool:
        async with (
            Emulator() as emulator,
            AsyncFibonacci(emulator.api_key, base_url=emulator.base_url) as client,
        ):
            return (await client.health.check()).healthy

    assert asyncio.run(use())


def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            Emulator(port=port).start()
    with Emulator(port=port) as emulator:
        assert f":{port}/" in emulator.base_url


def test_a_port_that_no_address_has_is_refused() -> None:
    with pytest.raises(ValueError, match="port must be a number from 0 to 65535, not 65536"):
        Emulator(port=65_536)


def test_ipv6_addresses_are_in_brackets() -> None:
    with Emulator(host="::1") as emulator:
        assert emulator.base_url.startswith("http://[::1]:")
        assert status(emulator) == 200
