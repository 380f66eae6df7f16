"""What is loaded when: importing and making a client cost next to nothing, because they load next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.certificates import Authority
from tests.kit.server import ScriptedServer

HEAVY = {
    "anyio", "asyncio", "certifi", "email", "h11", "httpcore", "httpx", "importlib.metadata", "inspect", "json",
    "logging", "pathlib", "pydantic", "pydantic_core", "random", "re", "socket", "ssl", "tenacity", "threading",
    "typing", "typing_extensions", "urllib.request", "uuid",
}  # fmt: skip
IMPORT = {"fibonacci", "fibonacci._lazy"}
CLIENT = {
    "fibonacci._core", "fibonacci._core.config", "fibonacci._core.options",
    "fibonacci._net", "fibonacci._net.instrumentation", "fibonacci._text", "fibonacci.errors",
}  # fmt: skip
SYNC = {"fibonacci._sync", "fibonacci._sync.client", "fibonacci._sync.shared_state"}
ASYNC = {"fibonacci._async", "fibonacci._async.client", "fibonacci._async.shared_state"}

WITH_SYNC = IMPORT | CLIENT | SYNC


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


@pytest.mark.parametrize(
    ("code", "own"),
    [
        ("import fibonacci; fibonacci.__version__; dir(fibonacci)", IMPORT),
        (
            "from fibonacci import Fibonacci, FibonacciError; c = Fibonacci('key', timeout=5, max_retries=1); repr(c); "
            "c.with_options(timeout=1, headers={'X': 'y'})",
            IMPORT | CLIENT | SYNC,
        ),
        ("from fibonacci import AsyncFibonacci; AsyncFibonacci('key')", IMPORT | CLIENT | ASYNC),
        (
            "import os; os.environ['FIBONACCI_API_KEY'] = 'k'; import fibonacci as f; f.Fibonacci()",
            IMPORT | CLIENT | SYNC,
        ),
    ],
)
def test_what_is_loaded(code: str, own: set[str]) -> None:
    loaded = loaded_by(code)
    assert {name for name in loaded if name.partition(".")[0] == "fibonacci"} == own
    assert loaded & HEAVY == set()


def test_the_errors_alone_load_no_client() -> None:
    assert loaded_by("import fibonacci.errors") & {*SYNC, *ASYNC, *HEAVY} == set()


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
