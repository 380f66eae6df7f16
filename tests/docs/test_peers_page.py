"""The page for people who know other clients: every name of ours in its tables exists."""

from __future__ import annotations

import builtins
import inspect
import re
from collections.abc import Callable, Iterator

import fibonacci
from fibonacci import Fibonacci, errors
from fibonacci.models import Execution, ResponseInfo
from tests.kit.assertions import check_rows
from tests.tools.markdown import ROOT

PAGE = (ROOT / "docs" / "how-to" / "coming-from-openai-and-stripe.md").read_text("utf-8")
OURS = [line.rstrip(" |").rpartition(" | ")[2] for line in PAGE.splitlines() if line.startswith("| ")]
NAMES = sorted({name for cell in OURS for name in re.findall(r"`([^`]+)`", cell)})


def attributes_of_errors() -> set[str]:
    classes = [getattr(errors, name) for name in errors.__all__]
    names = {name for error in classes for cls in error.__mro__[:-1] for name in dir(cls)}
    return names | {name for error in classes for name in inspect.get_annotations(error)}


def paths() -> Iterator[str]:
    yield from (path for name in NAMES for path in re.findall(r"client(?:\.\w+)+(?:\(\)\.\w+)?", name))


def test_every_path_of_the_client_exists() -> None:
    check_rows(((path, path) for path in set(paths())), check_path)


def check_path(path: str) -> None:
    found: object = Fibonacci("key")
    for name in path.split(".")[1:]:
        found = getattr(found, name) if name[-1] != ")" else getattr(found, name[:-2])()
    assert callable(found)


def named(pattern: str) -> list[str]:
    """Return the names of a kind; there must be some."""
    found = [name for name in NAMES if re.fullmatch(pattern, name)]
    assert found
    return found


def test_every_class_exists() -> None:
    for name in named(r"[A-Z][A-Za-z]+"):
        assert isinstance(getattr(fibonacci, name, None) or vars(builtins).get(name), type), name


def test_every_attribute_of_errors_exists() -> None:
    assert {name.removeprefix("error.") for name in named(r"error\.\w+")} <= attributes_of_errors()


def test_every_option_exists() -> None:
    with Fibonacci("key") as client:
        calls: list[Callable[..., object]] = [Fibonacci, client.workflows.run, client.workflows.list]
        options = {option for call in calls for option in inspect.signature(call).parameters}
    assert {name.partition("=")[0] for name in named(r"\w+=.*")} <= options


def test_the_response_is_where_the_page_says() -> None:
    assert "execution.response.request_id" in NAMES
    assert "request_id" in inspect.signature(ResponseInfo).parameters
    assert hasattr(Execution, "response")
