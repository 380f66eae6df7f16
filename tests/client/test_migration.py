"""Names of fibonacci-sdk 0.2.4: an import names the replacement, as the page does. Deprecated ones work and warn."""

from __future__ import annotations

import asyncio
import importlib
import linecache
import re
import warnings
from typing import Any

import pytest
from packaging.version import Version

import fibonacci
from fibonacci import AsyncFibonacci, ConfigurationError, Fibonacci
from fibonacci._texts.migration import RENAMED
from fibonacci.models import Execution
from tests.kit.assertions import each_row
from tests.tools.markdown import ROOT
from tests.tools.releases.changelog import UNRELEASED, read_changelog, release_dates

PAGE = ROOT / "docs" / "how-to" / "coming-from-0.2.4.md"
NAMES = [name for name in RENAMED if name != "exceptions" and "." not in name]
each_old_name = each_row("name", NAMES)


@each_old_name
def test_an_import_names_the_new_way_and_the_page(name: str) -> None:
    for statement in (f"from fibonacci import {name}", f"from fibonacci import Fibonacci, {name} as x"):
        with pytest.raises(ImportError) as caught:
            exec(statement)
        assert str(caught.value) == (
            f"{name} was removed in fibonacci-sdk 1.0. Use {RENAMED[name]}. See "
            "https://docs.fibonacci.today/how-to/coming-from-0.2.4/"
        )
        assert caught.value.name == "fibonacci"


@each_old_name
def test_an_attribute_does_too_and_is_absent(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"^{name} was removed in fibonacci-sdk 1\.0\. Use "):
        getattr(fibonacci, name)
    assert not hasattr(fibonacci, name)
    assert getattr(fibonacci, name, None) is None


def test_attributes_and_the_module_of_errors_name_the_new_way() -> None:
    execution = Execution.model_validate({"execution_id": "exec_1"})
    with Fibonacci("key") as client:
        owners = {"Fibonacci": client, "Execution": execution}
        for path, instead in RENAMED.items():
            owner, _, name = path.rpartition(".")
            if owner:
                assert not hasattr(owners[owner], name)
                with pytest.raises(
                    AttributeError, match=f"^{path} was removed in .* Use {re.escape(instead)}. See "
                ) as caught:
                    getattr(owners[owner], name)
                assert caught.value.name == name
    for statement in ("import fibonacci.exceptions", "from fibonacci.exceptions import APIError"):
        with pytest.raises(ModuleNotFoundError, match=r"^exceptions was removed in .* Use `fibonacci\.errors`"):
            exec(statement)
    assert not hasattr(fibonacci, "exceptions")


def test_the_page_has_every_name_with_its_replacement() -> None:
    table = PAGE.read_text("utf-8").partition("## Every name")[2].partition("\n\n| Name |")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.+) \|$", table, re.MULTILINE)
    assert {name: instead for names, instead in rows for name in re.findall(r"\w+", names)} == {
        name: RENAMED[name] for name in NAMES
    }


def test_the_errors_that_the_page_says_kept_their_names_are_there() -> None:
    section = PAGE.read_text("utf-8").partition("### Errors that kept their names")[2].partition("\n## ")[0]
    names = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert len(names) == 7
    assert set(names) <= set(fibonacci.__all__)


def test_what_stands_for_them_is_there() -> None:
    texts = " ".join(RENAMED.values())
    assert [name for name in re.findall(r"`([A-Z]\w+)", texts) if not hasattr(fibonacci, name)] == []
    for module, name in re.findall(r"fibonacci\.(models|definitions)\.(\w+)", texts):
        assert hasattr(importlib.import_module(f"fibonacci.{module}"), name)
    with Fibonacci("key") as client:
        owners = {"client": client, "execution": Execution.model_validate({"execution_id": "exec_1"})}
        for owner, path in re.findall(r"`(client|execution)\.([\w.]*\w)", texts):
            found: object = owners[owner]
            for part in path.split("."):
                found = getattr(found, part)


@pytest.mark.parametrize("client", [Fibonacci, AsyncFibonacci])
def test_a_missing_key_says_how_to_load_a_file(client: type[Fibonacci | AsyncFibonacci]) -> None:
    with pytest.raises(
        ConfigurationError, match=r"doesn't read \.env files: .*set -a.*--env-file.*python-dotenv.*config\.yaml"
    ):
        client()


def test_version_and_changelog_agree() -> None:
    changelog = read_changelog()
    dates = release_dates(changelog)
    version, (own, *others) = Version(fibonacci.__version__), dates
    assert own == version.base_version
    assert (dates[own] == UNRELEASED) == version.is_devrelease
    assert UNRELEASED not in map(dates.get, others)
    assert len(dates) == changelog.count("\n## ")
    assert [*dates] == sorted(dates, key=Version, reverse=True)


START = "`start` is deprecated: use `run`"
OLD_CALLS = """
from fibonacci._texts.migration import warn_of_deprecation

def start():
    warn_of_deprecation("`start` is deprecated: use `run`")
    return "started"

async def awaited():
    return start()
"""


@pytest.fixture
def calls() -> dict[str, Any]:
    """Return deprecated functions of a module of the package."""
    names: dict[str, Any] = {"__name__": "fibonacci._example"}
    exec(compile(OLD_CALLS, "fibonacci/_example.py", "exec"), names)
    return names


def line_of(warning: warnings.WarningMessage) -> str:
    """Return the line of this file that a warning is about."""
    assert warning.filename == __file__
    return linecache.getline(__file__, warning.lineno).strip()


def test_a_deprecated_function_works_and_the_warning_is_about_its_caller(calls: dict[str, Any]) -> None:
    with pytest.warns(DeprecationWarning, match=START) as caught:
        found = calls["start"]()
    assert found == "started"
    assert [line_of(warning) for warning in caught] == ['found = calls["start"]()']


def test_so_do_awaited_calls(calls: dict[str, Any]) -> None:
    async def program() -> str:
        found: str = await calls["awaited"]()
        return found

    with pytest.warns(DeprecationWarning, match=START) as caught:
        assert asyncio.run(program()) == "started"
    assert [line_of(warning) for warning in caught] == ['found: str = await calls["awaited"]()']
