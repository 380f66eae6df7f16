"""The fixtures of the plugin, by import here and by the entry point in a separate project."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from tests.docs.running import WITHOUT_OTHERS
from tests.kit.programs import skip_or_fail
from tests.testing.conftest import RunPytest

PROJECT = """
import asyncio

import pytest

from fibonacci import AsyncFibonacci, Fibonacci


@pytest.mark.parametrize("number", range(3))
def test_sync(fibonacci_client, number):
    assert fibonacci_client.workflows.list().first() is None
    fibonacci_client.workflows.create(name="Greeter")


def test_from_the_environment(fibonacci_emulator, fibonacci_client):
    made = fibonacci_client.workflows.create(name="Greeter")
    with Fibonacci() as client:
        assert client.base_url == fibonacci_emulator.base_url
        assert client.workflows.get(made.id) == made


def test_plain(async_fibonacci_client):
    assert asyncio.run(async_fibonacci_client.health.check()).healthy
    assert asyncio.run(async_fibonacci_client.health.check()).healthy


@pytest.mark.anyio
async def test_anyio(async_fibonacci_client, fibonacci_client):
    made = await async_fibonacci_client.workflows.create(name="Greeter")
    assert fibonacci_client.workflows.get(made.id) == made
    async with AsyncFibonacci() as client:
        assert await client.workflows.get(made.id) == made
"""

CONFTEST = """
import pytest


@pytest.fixture
def anyio_backend():
    return 'asyncio'
"""

WORKERS = """
import os
from pathlib import Path

import pytest


@pytest.mark.parametrize("number", range(2))
def test_worker(session_fibonacci_emulator, fibonacci_emulator, number, worker_id):
    client = session_fibonacci_emulator.client()
    assert {entry.name for entry in client.workflows.list()} <= {worker_id}
    client.workflows.create(name=worker_id)
    assert session_fibonacci_emulator.base_url != fibonacci_emulator.base_url == os.environ["FIBONACCI_BASE_URL"]
    with Path("workers.txt").open("a") as file:
        print(worker_id, session_fibonacci_emulator.base_url, session_fibonacci_emulator.api_key, file=file)
"""

ASYNCIO = """
import pytest


@pytest.mark.asyncio
async def test_asyncio(async_fibonacci_client):
    assert (await async_fibonacci_client.health.check()).healthy
"""


def test_each_test_has_its_own_emulator(fibonacci_emulator: Emulator, fibonacci_client: Fibonacci) -> None:
    workflow = fibonacci_client.workflows.create(name="Greeter")
    with Fibonacci() as client:
        assert client.base_url == fibonacci_emulator.base_url
        assert client.workflows.get(workflow.id) == workflow


UNUSED = """
import sys


def test_it():
    assert {name for name in sys.modules if name.startswith("fibonacci.")} == {
        "fibonacci._core", "fibonacci._core.redirection", "fibonacci._system", "fibonacci._system.lazy",
        "fibonacci.testing", "fibonacci.testing.plugin",
    }
    assert not sys.modules.keys() & {"asyncio", "anyio", "httpx", "httpcore", "pydantic", "sqlite3", "tenacity"}
"""


FEW_PLUGINS = ("-p", "no:anyio", "-p", "no:respx")


def test_a_session_that_uses_none_of_it_imports_none_of_it(tmp_path: Path) -> None:
    assert "1 passed" in run_as_program(tmp_path, UNUSED, *FEW_PLUGINS)


def run_as_program(folder: Path, source: str, *arguments: str) -> str:
    """Run the tests of a user's project in a process, where every warning is an error."""
    (folder / "test_project.py").write_text(source, "utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV"))}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *WITHOUT_OTHERS, *arguments],
        capture_output=True,
        check=False,
        cwd=folder,
        env=inherited,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_a_project_of_a_user(run_pytest: RunPytest) -> None:
    run_pytest(PROJECT, conftest=CONFTEST).assert_outcomes(passed=6)


@pytest.mark.slow
def test_each_worker_of_xdist_has_emulators_of_its_own(tmp_path: Path) -> None:
    assert "4 passed" in run_as_program(tmp_path, WORKERS, "-n", "2", "--dist", "each", *FEW_PLUGINS)
    lines = (tmp_path / "workers.txt").read_text("utf-8").splitlines()
    workers, urls, keys = map(set, zip(*map(str.split, lines), strict=True))
    assert (len(workers), len(urls), len(keys)) == (2, 2, 2)


@pytest.mark.slow
def test_a_project_with_pytest_asyncio(tmp_path: Path) -> None:
    if find_spec("pytest_asyncio") is None:
        skip_or_fail("pytest-asyncio", "pip install '.[test-slow]'")
    options = ("-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function")
    assert "1 passed" in run_as_program(tmp_path, ASYNCIO, *options)
