"""Options of the fixtures' emulators: by a fixture, by markers, and what is said about wrong ones."""

from __future__ import annotations

from tests.testing.conftest import RunPytest

MARKED = """
import pytest
from fibonacci.emulator.facade import app_of

pytestmark = pytest.mark.fibonacci(plan="pro", time="manual")


def limit_of(emulator):
    return emulator.client().health.check().response.rate_limit.limit


def test_module(fibonacci_emulator, module_fibonacci_emulator):
    assert (limit_of(fibonacci_emulator), fibonacci_emulator.clock.mode) == (300, "manual")
    assert (limit_of(module_fibonacci_emulator), module_fibonacci_emulator.clock.mode) == (300, "manual")


def test_without_an_emulator():
    pass


@pytest.mark.fibonacci(plan="free", organization_id="acme")
class TestClass:
    def test_the_class_adds_to_the_module(self, fibonacci_emulator, class_fibonacci_emulator):
        for emulator in (fibonacci_emulator, class_fibonacci_emulator):
            assert (limit_of(emulator), emulator.clock.mode, emulator.organization_id) == (60, "manual", "acme")

    @pytest.mark.fibonacci(plan="enterprise", strict=True)
    def test_the_closest_decides(self, fibonacci_emulator, class_fibonacci_emulator):
        assert (limit_of(fibonacci_emulator), fibonacci_emulator.organization_id) == (1_000_000, "acme")
        assert app_of(fibonacci_emulator).environment.warnings.strict
        assert limit_of(class_fibonacci_emulator) == 60


def test_inside_a_fixture(request):
    assert limit_of(request.getfixturevalue("fibonacci_emulator")) == 300


def test_the_marker_is_described(pytestconfig):
    (line,) = [line for line in pytestconfig.getini("markers") if line.startswith("fibonacci")]
    assert line.startswith("fibonacci(**options): options of the emulator, such as plan, ")
"""

OPTIONS = """
import pytest

from fibonacci import Fibonacci


def limit():
    with Fibonacci() as client:
        return client.health.check().response.rate_limit.limit


def test_the_fixture(fibonacci_emulator, session_fibonacci_emulator):
    assert limit() == 300
    assert session_fibonacci_emulator.client().health.check().response.rate_limit.limit == 300


@pytest.mark.fibonacci(time="skip")
def test_a_marker_adds(fibonacci_emulator):
    assert (limit(), fibonacci_emulator.clock.mode) == (300, "skip")


@pytest.mark.fibonacci(plan="free")
def test_a_marker_decides(fibonacci_emulator):
    assert limit() == 60


class TestOwn:
    @pytest.fixture(params=["free", "pro"])
    def fibonacci_emulator_options(self, request):
        return {"plan": request.param}

    def test_a_class_has_its_own(self, fibonacci_emulator, fibonacci_emulator_options):
        assert limit() == {"free": 60, "pro": 300}[fibonacci_emulator_options["plan"]]
"""

CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def fibonacci_emulator_options():
    return {"plan": "pro"}
"""


def test_markers_are_merged_and_the_closest_decides(run_pytest: RunPytest) -> None:
    run_pytest(MARKED).assert_outcomes(passed=6)


def test_options_by_a_fixture(run_pytest: RunPytest) -> None:
    run_pytest(OPTIONS, conftest=CONFTEST).assert_outcomes(passed=5)


WRONG = {
    'plann="free"': "@pytest.mark.fibonacci: Emulator has no option 'plann'. Did you mean 'plan'?",
    "quux=1": "Emulator has no option 'quux'. The options are db, time, plan, api_key,",
    'time="skp"': "time must be one of real, skip, manual, not 'skp'",
    '"free"': "@pytest.mark.fibonacci takes keyword arguments, such as plan=\"free\", not 'free'",
    "": '@pytest.mark.fibonacci sets options of the emulator, such as plan="free". To get an emulator, use the fixture',
}


WITHOUT_EFFECT = """
@pytest.mark.fibonacci(plan="free")
def test_one(session_fibonacci_emulator): pass

@pytest.mark.fibonacci(plan="free")
class TestAll:
    def test_two(self, module_fibonacci_emulator): pass

@pytest.mark.fibonacci(plan="free")
def test_three(session_fibonacci_emulator, fibonacci_emulator): pass

@pytest.mark.fibonacci(plan="free")
def test_four(): pass
"""


def test_a_marker_that_is_wrong_or_without_effect_is_an_error(run_pytest: RunPytest) -> None:
    tests = [
        f"@pytest.mark.fibonacci({arguments})\ndef test_{number}(fibonacci_emulator): pass\n"
        for number, arguments in enumerate(WRONG)
    ]
    result = run_pytest("import pytest\n" + "".join(tests) + WITHOUT_EFFECT)
    result.assert_outcomes(passed=1, errors=len(WRONG) + 3)
    result.stdout.fnmatch_lines(
        [
            *(f"*{message.replace('[', '[[]')}*" for message in WRONG.values()),
            "a marker fibonacci of test_one has no effect: session_fibonacci_emulator is shared with tests outside *",
            "a marker fibonacci of test_four has no effect: the test uses no emulator. Use fibonacci_emulator, *",
        ]
    )


FIXTURES = """
import pytest


class TestNoDict:
    @pytest.fixture(params=[None, [("plan", "free")]])
    def fibonacci_emulator_options(self, request):
        return request.param

    def test_it(self, fibonacci_emulator):
        pass


class TestTypo:
    @pytest.fixture
    def fibonacci_emulator_options(self):
        return {"paln": "pro"}

    def test_it(self, fibonacci_emulator):
        pass

    def test_a_fixture_of_a_test_cannot_set_options_of_the_session(self, session_fibonacci_emulator):
        pass
"""


def test_a_wrong_fixture_is_an_error(run_pytest: RunPytest) -> None:
    result = run_pytest(FIXTURES)
    result.assert_outcomes(errors=4)
    result.stdout.fnmatch_lines(
        [
            "fibonacci_emulator_options must return the options of Emulator as a dict, not NoneType",
            "fibonacci_emulator_options must return the options of Emulator as a dict, not list",
            "fibonacci_emulator_options: Emulator has no option 'paln'. Did you mean 'plan'?",
            "ScopeMismatch: *",
        ]
    )
