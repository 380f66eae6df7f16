"""While a fixture or `in_environment` is active, no client of the process reaches anything but its emulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fibonacci import ConfigurationError, Fibonacci
from fibonacci.emulator import Emulator
from tests.testing.conftest import RunPytest
from tests.testing.test_plugin import FEW_PLUGINS, run_as_program

KEY = "the-real-key-of-production"


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Start an emulator in place of the real platform, with its address and key in the environment."""
    with Emulator(api_key=KEY) as emulator:
        monkeypatch.setenv("FIBONACCI_API_KEY", KEY)
        monkeypatch.setenv("FIBONACCI_BASE_URL", emulator.base_url)
        yield emulator
        assert [request.path for request in emulator.requests] == []


MODULE_LEVEL = """
import asyncio
from functools import lru_cache
from threading import Thread

import pytest

from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci.emulator.facade import app_of

client = Fibonacci()
patient = client.with_options(timeout=90)
of_a_customer = client.with_options(api_key="the-key-of-a-customer")
over_httpx = Fibonacci(transport="httpx")
async_client = AsyncFibonacci("a-key-in-the-source")


@lru_cache
def cached():
    return Fibonacci()


@pytest.mark.parametrize("number", range(2))
def test_every_client_of_the_process(fibonacci_emulator, number):
    keys = set()
    app_of(fibonacci_emulator).observers.append(lambda request, *_: keys.add(request.headers["authorization"]))
    thread = Thread(target=lambda: client.workflows.create(name="thread"))
    thread.start()
    thread.join()
    for each in (client, patient, of_a_customer, client.with_options(max_retries=0), over_httpx, cached(), Fibonacci()):
        assert each.base_url == fibonacci_emulator.base_url
        each.workflows.create(name="sync")
    over_httpx.close()
    asyncio.run(async_client.workflows.create(name="async"))
    assert fibonacci_emulator.requests.to("POST /workflows").count == 9
    assert keys == {f"Bearer {fibonacci_emulator.api_key}"}


def test_of_a_module(module_fibonacci_emulator):
    client.workflows.create(name="module")
    assert module_fibonacci_emulator.requests.to("POST /workflows").count == 1


def test_of_both(module_fibonacci_emulator, fibonacci_emulator):
    client.workflows.create(name="test")
    assert fibonacci_emulator.requests.to("POST /workflows").count == 1
"""


def test_a_green_test_has_run_nothing_on_the_real_platform(production: Emulator, run_pytest: RunPytest) -> None:
    run_pytest(MODULE_LEVEL).assert_outcomes(passed=4)


WITHOUT_A_KEY = """
import pytest

from fibonacci import ConfigurationError, Fibonacci

client = Fibonacci()  # as an application that the tests import has it


def test_in_the_emulator(fibonacci_emulator):
    assert client.workflows.list().first() is None


def test_without_it():
    with pytest.raises(ConfigurationError, match="fibonacci_emulator") as caught:
        client.workflows.list().first()
    assert caught.value.is_about_key
"""


PROFILE = 'default = "work"\n[profiles.work]\nbase_url = "https://work.example/v1"\n'


@pytest.mark.parametrize("profiles", ["", PROFILE])
def test_a_client_that_a_module_makes_without_a_key_fails_at_its_first_call(
    profiles: str, run_pytest: RunPytest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text(profiles, "utf-8")
    (tmp_path / "config.toml").chmod(0o600)
    monkeypatch.setenv("FIBONACCI_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("FIBONACCI_API_KEY", raising=False)
    run_pytest(WITHOUT_A_KEY, conftest="from fibonacci import Fibonacci\nFibonacci()").assert_outcomes(passed=2)
    with pytest.raises(ConfigurationError, match=r"no API key: (pass api_key|the profile)"):  # without the plugin
        Fibonacci()


PASSED = """
import asyncio
import pickle
from pathlib import Path

import pytest

from fibonacci import AsyncFibonacci, ConfigurationError, Fibonacci
from fibonacci.emulator import Emulator

client = Fibonacci(base_url="https://api.fibonacci.dev/v1", max_retries=0)
async_client = AsyncFibonacci(base_url="https://api.fibonacci.dev/v1")
by_options = Fibonacci().with_options(base_url="https://eu.example/v1")


def test_refused(fibonacci_emulator):
    with pytest.raises(ConfigurationError) as caught:
        client.workflows.run("wf-1")
    file = Path(__file__)
    assert str(caught.value) == (
        f"base_url https://api.fibonacci.dev/v1, passed at {file}:10, leads to another machine, but the fixture "
        "fibonacci_emulator keeps the clients of a test on this one. Nothing was sent. Leave out base_url, or pass "
        "emulator.base_url"
    )
    assert repr(client) == "Fibonacci(base_url='https://api.fibonacci.dev/v1')"
    with pytest.raises(ConfigurationError, match="py:11, leads"):
        asyncio.run(async_client.workflows.run("wf-1"))
    with pytest.raises(ConfigurationError, match="base_url https://eu.example/v1, passed at .*py:12, leads"):
        by_options.with_options(timeout=5).health.check()
    with pytest.raises(ConfigurationError, match="leads"):
        pickle.loads(pickle.dumps(client)).health.check()
    assert len(fibonacci_emulator.requests) == 0


def test_an_address_of_this_machine_is_kept(fibonacci_emulator):
    with Emulator() as other, Fibonacci(other.api_key, base_url=other.base_url) as client:
        assert client.base_url == other.base_url
        client.workflows.create(name="other")
        assert (len(other.requests), len(fibonacci_emulator.requests)) == (1, 0)
"""


def test_a_client_that_leads_to_another_machine_is_refused(production: Emulator, run_pytest: RunPytest) -> None:
    run_pytest(PASSED).assert_outcomes(passed=2)


ENDED = """
import pytest

from fibonacci import APIConnectionError, Fibonacci
from fibonacci.testing import in_environment
from fibonacci.emulator import Emulator

kept = []


def test_first(fibonacci_emulator):
    kept.append(Fibonacci(fibonacci_emulator.api_key, base_url=fibonacci_emulator.base_url, max_retries=0))
    kept[0].health.check()
    with in_environment(Emulator()) as other:
        kept.append(Fibonacci(other.api_key, base_url=other.base_url, max_retries=0))


@pytest.mark.parametrize("number, named", [(0, "the fixture fibonacci_emulator"), (1, "in_environment")])
def test_second(fibonacci_emulator, number, named):
    text = f"refused. An emulator of {named} had this address, and has ended. Create the client in the test, or leave"
    with pytest.raises(APIConnectionError, match=text):
        kept[number].workflows.list().first()
"""


def test_a_test_that_calls_an_emulator_which_has_ended_is_told_so(run_pytest: RunPytest) -> None:
    run_pytest(ENDED).assert_outcomes(passed=3)


DJANGO = """
import pytest
from django.conf import settings
from django.http import JsonResponse
from django.test import Client
from django.urls import path

from fibonacci import Fibonacci

settings.configure(ALLOWED_HOSTS=["testserver"], ROOT_URLCONF=__name__, SECRET_KEY="-", PLATFORM=Fibonacci())


def create(request):
    return JsonResponse({"id": settings.PLATFORM.workflows.create(name="Greeter").id})


urlpatterns = [path("create", create)]


@pytest.mark.parametrize("number", range(2))
def test_a_view(fibonacci_emulator, number):
    made = Client().get("/create").json()["id"]
    assert [each.id for each in fibonacci_emulator.client().workflows.list()] == [made]
"""

FASTAPI = """
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from fibonacci import AsyncFibonacci


@asynccontextmanager
async def lifespan(app):
    async with AsyncFibonacci() as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/create")
async def create(request: Request) -> str:
    return (await request.app.state.client.workflows.create(name="Greeter")).id


@pytest.fixture(scope="session")
def http():
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("number", range(2))
def test_an_endpoint(http, fibonacci_emulator, number):
    made = http.post("/create").json()
    assert [each.id for each in fibonacci_emulator.client().workflows.list()] == [made]
"""


@pytest.mark.slow
@pytest.mark.parametrize("source", [MODULE_LEVEL, DJANGO, FASTAPI], ids=["xdist", "django", "fastapi"])
def test_programs_of_a_user(production: Emulator, source: str, tmp_path: Path) -> None:
    arguments = ("-n", "2") if source is MODULE_LEVEL else ("-W", "ignore::DeprecationWarning:starlette")
    assert " passed" in run_as_program(tmp_path, source, *arguments, *FEW_PLUGINS)
