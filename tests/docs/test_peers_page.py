"""The page for people who know other clients: every name of ours in its tables exists."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module

import pytest

import fibonacci
from fibonacci import Fibonacci, errors
from fibonacci.models import Execution, ResponseInfo
from tests.docs.markdown import ROOT

PAGE = (ROOT / "docs" / "how-to" / "coming-from-openai-and-stripe.md").read_text("utf-8")
OURS = [line.rstrip(" |").rpartition(" | ")[2] for line in PAGE.splitlines() if line.startswith("| ")]
NAMES = sorted({name for cell in OURS for name in re.findall(r"`([^`]+)`", cell)})
ATTRIBUTES = {name for error in errors.__all__ for cls in getattr(errors, error).__mro__[:-1] for name in dir(cls)} | {
    name for error in errors.__all__ for name in inspect.get_annotations(getattr(errors, error))
}


def paths() -> Iterator[str]:
    yield from (path for name in NAMES for path in re.findall(r"client(?:\.\w+)+(?:\(\)\.\w+)?", name))


@pytest.mark.parametrize("path", sorted(set(paths())))
def test_a_path_of_the_client_exists(path: str) -> None:
    found: object = Fibonacci("key")
    for name in path.split(".")[1:]:
        found = getattr(found, name) if name[-1] != ")" else getattr(found, name[:-2])()
    assert callable(found)


@pytest.mark.parametrize("name", [name for name in NAMES if re.fullmatch(r"[A-Z][A-Za-z]+", name)])
def test_a_class_exists(name: str) -> None:
    assert isinstance(getattr(fibonacci, name, None) or vars(import_module("builtins")).get(name), type)


@pytest.mark.parametrize("name", [name for name in NAMES if re.fullmatch(r"error\.\w+", name)])
def test_an_attribute_of_errors_exists(name: str) -> None:
    assert name.removeprefix("error.") in ATTRIBUTES


@pytest.mark.parametrize("name", [name for name in NAMES if re.fullmatch(r"\w+=.*", name)])
def test_an_option_exists(name: str) -> None:
    with Fibonacci("key") as client:
        calls: list[Callable[..., object]] = [Fibonacci, client.workflows.run, client.workflows.list]
        options = {option for call in calls for option in inspect.signature(call).parameters}
    assert name.partition("=")[0] in options


def test_the_response_is_where_the_page_says() -> None:
    assert "execution.response.request_id" in NAMES
    assert "request_id" in inspect.signature(ResponseInfo).parameters
    assert hasattr(Execution, "response")


def test_the_tables_name_much() -> None:
    assert len(NAMES) > 45
