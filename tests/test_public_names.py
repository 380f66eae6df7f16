"""The names that `fibonacci` exports: written out here, so that none comes, goes or moves by accident."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import fibonacci
import fibonacci.errors
import fibonacci.models

NAMES = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncFibonacci",
    "AsyncPager",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "ConflictError",
    "ExecutionFailedError",
    "Fibonacci",
    "FibonacciError",
    "NotFoundError",
    "Page",
    "Pager",
    "PaginationError",
    "PermissionDeniedError",
    "QuotaExceededError",
    "RateLimit",
    "RateLimitError",
    "ResponseInfo",
    "RetryEvent",
    "ServerError",
    "UNSET",
    "Unset",
    "ValidationError",
    "WaitTimeoutError",
    "__version__",
]
MODELS = [
    "ApprovalStats",
    "AuditEntry",
    "Execution",
    "ExecutionStatus",
    "GovernanceReport",
    "GovernanceSettings",
    "Headers",
    "Health",
    "MemoryEntry",
    "MemoryScope",
    "Model",
    "Page",
    "Quota",
    "RateLimit",
    "RegistryEntry",
    "RegistryStatus",
    "ResponseInfo",
    "Role",
    "RolePolicyOverride",
    "SecretsHealth",
    "Timestamped",
    "Tool",
    "ToolConnection",
    "ToolPolicy",
    "Workflow",
    "WorkflowVersion",
]


def for_type_checkers(package: Path) -> dict[str, str]:
    """The names that a package imports under TYPE_CHECKING, each again as itself, and from where."""
    found: dict[str, str] = {}
    for node in ast.parse((package / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for each in node.body:
                assert isinstance(each, ast.ImportFrom)
                for alias in each.names:
                    assert alias.asname in (None, alias.name)  # another name would be private to type checkers
                    found[alias.name] = str(each.module)
    return found


def test_the_names_of_the_package() -> None:
    assert sorted(fibonacci.__all__) == sorted(NAMES)
    assert sorted(dir(fibonacci)) == sorted(NAMES)
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_there_and_is_public(name: str) -> None:
    value = getattr(fibonacci, name)
    assert value is getattr(fibonacci, name)
    if isinstance(value, type):
        assert value.__name__ == name
        assert value.__doc__


def test_type_checkers_see_the_same_names_from_the_same_places() -> None:
    seen = for_type_checkers(Path(fibonacci.__file__).parent)
    assert sorted([*seen, "__version__"]) == sorted(NAMES)
    for name, home in seen.items():
        assert getattr(importlib.import_module(home), name) is getattr(fibonacci, name)


def test_a_star_import_brings_the_names_and_no_more() -> None:
    namespace: dict[str, object] = {}
    exec("from fibonacci import *", namespace)
    assert sorted(set(namespace) - {"__builtins__"}) == sorted(NAMES)


def test_an_unknown_name_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'fibonacci' has no attribute 'Fibonaci'") as caught:
        _ = fibonacci.Fibonaci  # type: ignore[attr-defined]  # pyright: ignore
    assert caught.value.name == "Fibonaci"
    with pytest.raises(ImportError, match="Fibonaci"):
        from fibonacci import Fibonaci  # type: ignore[attr-defined]  # noqa: F401  # pyright: ignore


def test_the_names_of_the_models() -> None:
    assert sorted(fibonacci.models.__all__) == sorted(dir(fibonacci.models)) == sorted(MODELS)
    for name, home in for_type_checkers(Path(fibonacci.models.__file__).parent).items():
        assert getattr(importlib.import_module(home), name) is getattr(fibonacci.models, name)


def test_every_error_can_be_imported_from_the_package() -> None:
    assert [
        name for name in fibonacci.errors.__all__ if getattr(fibonacci, name) is not getattr(fibonacci.errors, name)
    ] == []
    assert set(fibonacci.errors.__all__) <= set(NAMES)


def test_the_version_is_a_version() -> None:
    major, minor, patch = fibonacci.__version__.split(".")
    assert (int(major), int(minor), int(patch)) >= (1, 0, 0)
