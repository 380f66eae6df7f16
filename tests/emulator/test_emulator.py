from __future__ import annotations

import asyncio
import re
import socket
from typing import Any

import httpx
import pytest

from fibonacci.emulator import Emulator


def status(emulator: Emulator, key: str | None = None) -> int:
    headers = {"Authorization": f"Bearer {key or emulator.api_key}"}
    return httpx.get(f"{emulator.base_url}/health", headers=headers, trust_env=False).status_code


def test_an_emulator_listens_within_its_context() -> None:
    with Emulator() as emulator:
        assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/v1", emulator.base_url)
        assert re.fullmatch(r"fib-emulator-[0-9a-f]+", emulator.api_key)
        assert status(emulator) == 200
        assert status(emulator, "wrong") == 401
        assert emulator.base_url in repr(emulator)
        assert emulator.api_key not in repr(emulator)
        address = emulator.base_url
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)
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
    headers = {"Authorization": "Bearer fib-mine"}
    httpx.post(f"{address}/workflows", headers=headers, json={"name": "x"}, trust_env=False)
    emulator.close()
    emulator.close()
    emulator.start()
    found = httpx.get(f"{emulator.base_url}/workflows", headers=headers, trust_env=False).json()
    assert [workflow["name"] for workflow in found["data"]] == ["x"]
    emulator.close()


def test_nested_contexts() -> None:
    emulator = Emulator()
    with emulator:
        with emulator:
            assert status(emulator) == 200
        assert status(emulator) == 200
    with pytest.raises(RuntimeError):
        _ = emulator.base_url


def test_an_async_context() -> None:
    async def use() -> int:
        async with Emulator() as emulator, httpx.AsyncClient(trust_env=False) as client:
            headers = {"Authorization": f"Bearer {emulator.api_key}"}
            return (await client.get(f"{emulator.base_url}/health", headers=headers)).status_code

    assert asyncio.run(use()) == 200


def test_emulators_share_nothing() -> None:
    with Emulator() as one, Emulator() as two:
        assert one.base_url != two.base_url
        assert status(one, two.api_key) == 401


def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            Emulator(port=port).start()
    with Emulator(port=port) as emulator:
        assert f":{port}/" in emulator.base_url


def test_ipv6_addresses_are_in_brackets() -> None:
    with Emulator(host="::1") as emulator:
        assert emulator.base_url.startswith("http://[::1]:")
        assert status(emulator) == 200


def test_rate_limit_is_scaled_down() -> None:
    with Emulator(rate_limit=(2, 60)) as emulator:
        assert [status(emulator) for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("options", [{"plan": "gold"}, {"rate_limit": (0, 1)}, {"rate_limit": (1, 0)}])
def test_bad_options_are_refused(options: Any) -> None:
    with pytest.raises(ValueError, match=r"plan|rate_limit"):
        Emulator(**options)


def test_env_and_secrets_reach_the_workflows() -> None:
    client = Emulator(env={"A": "1"}, secrets={"B": "2"}).client()
    node = {"id": "n", "type": "llm", "instruction": "{{env.A}}{{secrets.B}}"}
    workflow = client.workflows.create(name="x", definition={"nodes": [node]})
    assert client.workflows.execute(workflow.id).outputs == {"n": "[default model] 12"}
