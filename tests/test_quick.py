"""`.ci/run quick`: a file is tested by the folder of its name, a test by itself."""

from __future__ import annotations

import pytest

from tests.tools.markdown import ROOT
from tests.tools.quick import ELSEWHERE, chosen_for

FOLDERS = ("fibonacci", "docs", "examples", "tests", ".github", ".ci")


def test_every_file_has_tests_that_exist() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts]
    tests = {test for path in files for test in chosen_for(path.relative_to(ROOT).as_posix())}
    assert [test for test in tests if not (ROOT / test).exists()] == []
    assert [test for row in ELSEWHERE.values() for test in row if not (ROOT / test).exists()] == []


@pytest.mark.parametrize(
    ("path", "tests"),
    [
        ("fibonacci/_display/frames.py", ["tests/display", "tests/test_layers.py"]),
        ("fibonacci/_sync/batch/runs.py", ["tests/batch", "tests/test_layers.py"]),
        ("fibonacci/_sync/run.py", ["tests/client", "tests/endpoints", "tests/test_layers.py"]),
        ("fibonacci/errors.py", ["tests/client", "tests/test_layers.py"]),
        ("tests/net/no_proxy_cases.py", ["tests/net"]),
        ("tests/net/test_forks.py", ["tests/net/test_forks.py"]),
        ("tests/net/test_that_was_deleted.py", []),
        ("docs/index.md", ["tests/docs/test_options.py"]),
        ("pyproject.toml", ["tests/docs/test_readme.py", "tests/tools/releases"]),
    ],
)
def test_the_tests_of_a_file(path: str, tests: list[str]) -> None:
    assert chosen_for(path) == tests
