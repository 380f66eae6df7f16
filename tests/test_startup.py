"""What is loaded when: the import loads next to nothing, a client what every call needs, and a call nothing more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fibonacci.emulator import Emulator
from tests.kit.certificates import Authority
from tests.kit.server import ScriptedServer

HEAVY = {
    "anyio", "asyncio", "certifi", "email", "h11", "httpcore", "httpx", "importlib.metadata", "inspect", "json",
    "logging", "pathlib", "pydantic", "pydantic_core", "random", "re", "socket", "ssl", "tenacity", "threading",
    "typing", "typing_extensions", "urllib.request", "uuid",
}  # fmt: skip
SYNC, ASYNC = "fibonacci._sync", "fibonacci._async"


def loaded_by(code: str) -> set[str]:
    """Return the modules that code loads in a fresh interpreter, beyond those that are loaded without it."""
    program = f"import sys; before = set(sys.modules); {code}; print(*sorted(set(sys.modules) - before))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
    run = subprocess.run(
        [sys.executable, "-S", "-W", "error", "-c", f"import sys; sys.path[:] = {sys.path!r}; {program}"],
        capture_output=True,
        check=True,
        env=environment,
        text=True,
        timeout=60,
    )
    assert run.stderr == ""
    return set(run.stdout.split())


def test_the_import_loads_next_to_nothing() -> None:
    loaded = loaded_by("import fibonacci; fibonacci.__version__; dir(fibonacci)")
    own = {name for name in loaded if name.startswith("fibonacci")}
    assert own == {"fibonacci", "fibonacci._system", "fibonacci._system.lazy"}
    assert loaded & HEAVY == set()


def test_the_errors_alone_load_no_client() -> None:
    loaded = loaded_by("import fibonacci.errors")
    assert {name for name in loaded if name.startswith((SYNC, ASYNC))} | loaded & HEAVY == set()


@pytest.mark.parametrize("name", ["Fibonacci", "AsyncFibonacci"])
def test_a_client_loads_what_every_call_needs(name: str) -> None:
    loaded = loaded_by(f"import fibonacci; fibonacci.{name}('key')")
    assert {"h11", "pydantic", "socket"} - loaded == set()
    assert loaded & {"httpx", "tenacity"} == set()
    assert {module for module in loaded if module.startswith(ASYNC if name == "Fibonacci" else SYNC)} == set()


CALLS = """
import asyncio, sys
from fibonacci import AsyncFibonacci, NotFoundError

async def main():
    async with AsyncFibonacci() as client:
        loaded = set(sys.modules)
        definition = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Hello"}]}
        workflow = await client.workflows.create(name="Greeter", definition=definition)
        await client.workflows.get(workflow.id)  # which is refused once, and sent again
        await client.workflows.run(workflow.id)
        await client.executions.list().take(3)
        await client.organizations.quota.get(workflow.organization_id)
        try:
            await client.workflows.get("wf-none")
        except NotFoundError:
            pass
        print(*set(sys.modules) - loaded)

asyncio.run(main())
"""


def test_nothing_is_loaded_on_the_event_loop() -> None:
    """Whatever is called within the client's block: loading a module would hold up every task."""
    with Emulator() as emulator:
        failure = emulator.fail("GET /workflows/{id}", status=503)
        environment = {"FIBONACCI_API_KEY": emulator.api_key, "FIBONACCI_BASE_URL": emulator.base_url}
        run = subprocess.run(
            [sys.executable, "-c", CALLS], capture_output=True, env={**os.environ, **environment}, text=True, timeout=60
        )
        assert (run.stderr, run.stdout.split(), failure.delivered) == ("", [], 1)


def test_the_async_client_loads_no_sync_one_and_the_emulator_no_checks_of_definitions() -> None:
    program = (
        "from fibonacci import AsyncFibonacci; c = AsyncFibonacci('key')",
        "c.workflows, c.executions, c.organizations.quota, c.memory",
        "others = ('fibonacci._sync', 'fibonacci.emulator', 'trio')",
        "assert not [name for name in sys.modules if name.startswith(others)]",
        "from fibonacci.emulator import Emulator; Emulator().client().health.check()",
    )
    loaded = loaded_by("; ".join(program))
    assert {name for name in loaded if name.startswith("fibonacci.definitions.checks")} == set()


def test_a_first_call_loads_no_module_that_it_can_do_without(tmp_path: Path) -> None:
    """Each of these takes 1 ms and more."""
    authority = Authority.made_in(tmp_path)
    with ScriptedServer(tls=authority.good()) as server:
        server.add_response({"data": {"id": "wf-1"}})
        url = f"https://localhost:{server.port}/v1"
        client = f"Fibonacci('key', base_url={url!r}, ca_bundle={str(authority.file)!r})"
        calls = "c.workflows.get('wf-1'); c.executions, c.organizations.quota, c.memory; c.close()"
        loaded = loaded_by(f"from fibonacci import Fibonacci; c = {client}; {calls}")
        assert server.by_method() == {"GET": 1}
    unneeded = {"asyncio", "encodings.idna", "httpcore", "httpx", "json", "logging", "tenacity", "urllib.request"}
    needed = loaded_by("import importlib.metadata")  # by pydantic; from Python 3.13 on it loads json
    assert loaded & {*unneeded, "pydantic.functional_serializers", "anyio", "trio"} - needed == set()
    assert {name for name in loaded if name.startswith(("fibonacci._async", "fibonacci.emulator"))} == set()
