"""Emulators for a test, a class, a module, a package, a session, and the environment variables of each."""

from __future__ import annotations

import os

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.emulator.cli import exports
from fibonacci.testing import in_environment
from tests.testing.conftest import RunPytest

SCOPES = """
import os

import pytest

from fibonacci import Fibonacci

seen = {}


def named():
    return os.environ.get("FIBONACCI_BASE_URL")


class TestScopes:
    @pytest.mark.parametrize("number", range(2))
    @pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
    def test_one_emulator_for_all_tests(self, request, scope, number):
        emulator = request.getfixturevalue(f"{scope}_fibonacci_emulator")
        assert seen.setdefault(scope, emulator) is emulator
        with Fibonacci(emulator.api_key, base_url=emulator.base_url) as client:
            assert client.health.check().healthy
        assert len({each.base_url for each in seen.values()}) == len(seen)


def test_the_class_is_over(session_fibonacci_emulator, request):
    with pytest.raises(RuntimeError, match="is not listening"):
        seen["class"].base_url
    assert seen["session"] is session_fibonacci_emulator
"""

NESTED = """
import os

import pytest

from fibonacci import Fibonacci


def named():
    return os.environ["FIBONACCI_BASE_URL"]


def test_session(session_fibonacci_emulator):
    assert named() == session_fibonacci_emulator.base_url


def test_module(module_fibonacci_emulator):
    assert named() == module_fibonacci_emulator.base_url


class TestClass:
    def test_class(self, class_fibonacci_emulator):
        assert named() == class_fibonacci_emulator.base_url

    def test_function(self, class_fibonacci_emulator, fibonacci_emulator):
        with Fibonacci() as client:
            assert client.base_url == fibonacci_emulator.base_url == named()

    def test_class_again(self, class_fibonacci_emulator):
        assert named() == class_fibonacci_emulator.base_url


def test_module_again(module_fibonacci_emulator):
    assert named() == module_fibonacci_emulator.base_url


def test_changed_by_the_test(module_fibonacci_emulator, fibonacci_emulator, monkeypatch):
    monkeypatch.setenv("FIBONACCI_BASE_URL", "http://127.0.0.1:9/v1")


def test_late(fibonacci_emulator, request):
    late = request.getfixturevalue("package_fibonacci_emulator")
    assert named() == fibonacci_emulator.base_url != late.base_url


@pytest.fixture
def address(module_fibonacci_emulator, session_fibonacci_emulator):
    return named()


def test_a_fixture_reads_it(address, module_fibonacci_emulator):
    assert address == module_fibonacci_emulator.base_url


def test_package(package_fibonacci_emulator):
    assert named() == package_fibonacci_emulator.base_url
"""


def test_each_scope_has_one_emulator(run_pytest: RunPytest) -> None:
    run_pytest(SCOPES).assert_outcomes(passed=9)


def test_the_environment_names_the_emulator_of_the_test(run_pytest: RunPytest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("FIBONACCI_API_KEY", "mine"), ("FIBONACCI_BASE_URL", "https://a.example/v1")):
        monkeypatch.setenv(name, value)
    before = _environment()
    run_pytest(NESTED).assert_outcomes(passed=10)
    assert _environment() == before


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("FIBONACCI_")}


RESET = """
import pytest


@pytest.fixture(scope="session")
def seeded(session_fibonacci_emulator):
    session_fibonacci_emulator.client().workflows.create(name="Seed")
    return session_fibonacci_emulator


@pytest.fixture
def fibonacci_emulator(seeded):
    with seeded.preserve_state():
        yield seeded


@pytest.mark.parametrize("number", range(3))
def test_from_the_seed(fibonacci_client, fibonacci_emulator, number):
    assert [each.name for each in fibonacci_client.workflows.list()] == ["Seed"]
    assert fibonacci_emulator.requests.to("POST /workflows").count == (number == 0)
    fibonacci_client.workflows.create(name="Mine")
"""


def test_a_shared_emulator_is_reset_between_tests(run_pytest: RunPytest) -> None:
    run_pytest(RESET).assert_outcomes(passed=3)


class TestInEnvironment:
    def test_clients_of_the_api_of_0_2_4_find_it_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FIBONACCI_API_VERSION", "0.2")
        with in_environment(Emulator()) as emulator, Fibonacci() as client:
            root = emulator.base_url.removesuffix("/v1")
            assert client.base_url == os.environ["FIBONACCI_BASE_URL"] == root
            assert exports(emulator).startswith(f"export FIBONACCI_BASE_URL={root}\n")
            assert "FIBONACCI_API_VERSION=0.2" in exports(emulator)
        assert os.environ["FIBONACCI_API_VERSION"] == "0.2"
        assert "FIBONACCI_BASE_URL" not in os.environ
