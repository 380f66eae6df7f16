"""The recipes of CONTRIBUTING, each with a small change that follows it, which is made on copies of the tree.

When the code around a change has moved on, make the change again in a clean checkout, without derived files, and save
it by `git diff > tests/tools/recipes/NAME.patch`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, NamedTuple

from tests.tools.quick import DERIVED, TABLE
from tests.tools.releases.project import copy_files

PATCHES: Final = Path(__file__).parent


class Recipe(NamedTuple):
    """A recipe.

    Attributes:
        section: Its heading in CONTRIBUTING. The table below it names the files.
        most: How many files are written by hand at most.
        forgotten: A file whose part of the change is left out, in a test of what happens then.
        found_by: What finds that out: the arguments of Python.
        finding: What it says, as a regular expression.
    """

    section: str
    most: int
    forgotten: str
    found_by: tuple[str, ...]
    finding: str


def _pytest(*tests: str) -> tuple[str, ...]:
    return "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests


RECIPES: Final[Mapping[str, Recipe]] = {
    "endpoint": Recipe(
        "Add an endpoint",
        7,
        "tests/contract/suite/calls.py",
        _pytest("tests/contract/test_suite_and_document.py::test_the_suite_has_a_call_of_every_endpoint"),
        r"GET /health/queue",
    ),
    "check": Recipe(
        "Add a check of definitions",
        5,
        "docs/reference/checking-definitions.md",
        _pytest("tests/definitions/test_problem_codes.py"),
        r"FAILED .+::test_the_table_has_every_code_once_with_its_severity",
    ),
    "command": Recipe(
        "Add a command",
        4,
        "fibonacci/cli/parser.py",
        _pytest("tests/cli/test_count.py"),
        r"FAILED .+::test_the_nodes_are_counted",
    ),
    "policy": Recipe(
        "Add a policy of the emulator",
        3,
        "fibonacci/emulator/policy/admission.py",
        _pytest("tests/emulator/test_admission.py"),
        r"FAILED .+::test_a_run_has_a_bounded_number_of_inputs",
    ),
    "option": Recipe(
        "Add an option of a client",
        3,
        "docs/reference/options.md",
        _pytest("tests/docs/test_options.py"),
        r"FAILED .+::test_every_argument_has_a_row",
    ),
    "error": Recipe(
        "Add an error",
        6,
        "docs/how-to/troubleshooting.md",
        _pytest("tests/docs/test_troubleshooting.py"),
        r"FAILED .+::test_the_page_quotes_much_and_names_every_error",
    ),
    "kind": Recipe(
        "Add a kind of node",
        11,
        "fibonacci/definitions/authoring/builder.py",
        _pytest("tests/definitions/test_node_kinds.py"),
        r"WorkflowBuilder has no method {'compose'}",
    ),
}


class RecipePatch:
    """The change of a recipe.

    Args:
        name: The name of the recipe.
    """

    def __init__(self, name: str) -> None:
        self._patch = PATCHES / f"{name}.patch"
        self.files: list[str] = re.findall(r"^\+\+\+ b/(.+)$", self._patch.read_text("utf-8"), re.MULTILINE)

    def apply(self, root: Path, *options: str) -> None:
        """Make the change.

        Args:
            root: The tree.
            options: More options of `git apply`, such as `--check` or `--exclude=FILE`.

        Raises:
            ValueError: If the code around it has changed.
        """
        command = ["git", "apply", "-C1", *options, str(self._patch)]
        applied = subprocess.run(command, cwd=root, env=_environment(root), capture_output=True, text=True)
        if applied.returncode:
            raise ValueError(f"{self._patch.name} is to be made again, see {__name__}: {applied.stderr}")


def rows_of(section: str) -> dict[str, str]:
    """Return the files in the table of a section of CONTRIBUTING, each with what is said of it."""
    text = TABLE.read_text("utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", text, re.MULTILINE))


def has_row(file: str, rows: Mapping[str, str]) -> bool:
    """Return whether a file is in a row: by its path, by that of a folder, or by a pattern."""
    return any(fnmatch(file, f"{row}*" if row.endswith("/") else row) for row in rows)


def follow(name: str, root: Path) -> None:
    """Make the change of a recipe in a new copy of the tree, and derive what is derived.

    Args:
        name: The name of the recipe.
        root: The folder of the copy, which is made.

    Raises:
        subprocess.CalledProcessError: If a tool refuses to derive.
        ValueError: If the change is to be made again.
    """
    copy_files(root)
    RecipePatch(name).apply(root)
    for module in DERIVED:
        run(root, "-m", module).check_returncode()


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a copy of the tree, and return what it has printed, with its errors."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=root, env=_environment(root), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def _environment(root: Path) -> dict[str, str]:
    """Return an environment in which the package is that of the copy, and git sees no repository around it."""
    return os.environ | {"PYTHONPATH": str(root), "GIT_CEILING_DIRECTORIES": str(root.parent)}
