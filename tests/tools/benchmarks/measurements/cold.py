"""A script from nothing to its first response: interpreter, import, client, call; the CPU of the whole process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.benchmarks.figures import FigureRow, rows
from tests.tools.benchmarks.subjects import ASYNC, SYNC

if TYPE_CHECKING:
    from tests.tools.benchmarks.bench import Bench
    from tests.tools.benchmarks.subjects import Subject

BY_HAND = "httpx and pydantic by hand"
SHOWN = ("httpx", "aiohttp", "openai")

_MODEL = """
from typing import Any
from datetime import datetime
import httpx
from pydantic import BaseModel, ConfigDict

class NamedWorkflow(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: str
    name: str | None = None
    description: str | None = None
    definition: dict[str, Any] | None = None
    version: int | str | None = None
    status: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
"""

_SYNC = """
with httpx.Client(headers={"Authorization": "Bearer key"}) as client:
    response = client.get("{url}/v1/workflows/wf-abc123")
    response.raise_for_status()
    print(NamedWorkflow.model_validate(response.json()["data"]).name)
"""

_ASYNC = """
import asyncio

async def main():
    async with httpx.AsyncClient(headers={"Authorization": "Bearer key"}) as client:
        response = await client.get("{url}/v1/workflows/wf-abc123")
        response.raise_for_status()
        print(NamedWorkflow.model_validate(response.json()["data"]).name)

asyncio.run(main())
"""

_SDK_SYNC = """
from fibonacci import Fibonacci

with Fibonacci("key", base_url="{url}/v1") as client:
    print(client.workflows.get("wf-abc123").name)
"""

_SDK_ASYNC = """
import asyncio
from fibonacci import AsyncFibonacci

async def main():
    async with AsyncFibonacci("key", base_url="{url}/v1") as client:
        print((await client.workflows.get("wf-abc123")).name)

asyncio.run(main())
"""


def measure(bench: Bench) -> list[FigureRow]:
    """Measure the cold script over http, in both modes, and over https."""
    runs = bench.runs(9, 25)
    sync = {"fibonacci": ("sdk", _SDK_SYNC), BY_HAND: ("sdk", _MODEL + _SYNC)}
    asynchronous = {"fibonacci": ("sdk", _SDK_ASYNC), BY_HAND: ("sdk", _MODEL + _ASYNC)}
    # Both read the same file of authorities: the usual ones, and the one of this server.
    trust = f"import os; os.environ['SSL_CERT_FILE'] = {str(bench.authority)!r}\n"
    return [
        *_measured(bench, "cold script", bench.url, {**sync, **_peers(SYNC, bench)}, runs),
        *_measured(bench, "cold script, https", bench.tls_url, _beginning(trust, sync), runs),
        *_measured(bench, "cold script, async", bench.url, {**asynchronous, **_peers(ASYNC, bench)}, runs),
    ]


def _peers(subjects: dict[str, Subject], bench: Bench) -> dict[str, tuple[str, str]]:
    names = (name for name in subjects if name != "fibonacci" and (bench.full or name in SHOWN))
    return {name: (subjects[name].environment, subjects[name].script(bench.url)) for name in names}


def _beginning(first: str, scripts: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return {name: (environment, first + code) for name, (environment, code) in scripts.items()}


def _measured(
    bench: Bench, measurement: str, url: str, scripts: dict[str, tuple[str, str]], runs: int
) -> list[FigureRow]:
    pointed = {name: (environment, code.replace("{url}", url)) for name, (environment, code) in scripts.items()}
    spent = bench.scripts(pointed, runs)
    return rows(
        measurement, "ms of CPU", {name: [run.cpu * 1000 for run in found] for name, found in spent.items()}, BY_HAND
    )
