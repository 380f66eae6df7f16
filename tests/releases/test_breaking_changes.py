"""What breaks since the last release is found in the public API, and has to stand in the changelog."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.releases.breaking_changes import breaking_changes, is_announced, last_release

PACKAGE = {
    "__init__.py": """
        from fibonacci._lazy import lazy_names
        lazy_names(globals(), {"fibonacci._client": ["Client", "connect"], "fibonacci._old": ["Removed"]})
        """,
    "_client.py": """
        from fibonacci._lazy import namespace
        from fibonacci._workflows import Workflows

        class Client:
            @namespace
            def workflows(self) -> Workflows:
                return Workflows()

        def connect(url: str, *, timeout: float = 60.0) -> Client: ...
        """,
    "_old.py": "class Removed: ...",
    "_workflows.py": """
        class Workflows:
            def run(self, workflow_id: str, *, inputs: object = None, timeout: float = 60.0) -> None: ...
            def get(self, workflow_id: str) -> None: ...
            def _send(self, request: object) -> None: ...
        """,
}


class Repository:
    """A git repository with a package that has the tag `v1.2.0`.

    Args:
        root: Its folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "fibonacci").mkdir()
        for name, source in PACKAGE.items():
            lines = source.split("\n")
            (root / "fibonacci" / name).write_text("\n".join(line.removeprefix(" " * 8) for line in lines), "utf-8")
        self._git("init", "-q")
        self.commit()
        self._git("tag", "v1.2.0")

    def replace(self, file: str, old: str, new: str) -> None:
        """Replace a text that is in a file of the package."""
        path = self.root / "fibonacci" / file
        source = path.read_text("utf-8")
        assert old in source
        path.write_text(source.replace(old, new), "utf-8")

    def commit(self, tag: str | None = None) -> str:
        """Commit everything, with a tag on request; return the commit."""
        self._git("add", "-A")
        self._git("commit", "-q", "--allow-empty", "-m", "Change")
        if tag is not None:
            self._git("tag", tag)
        return self._git("rev-parse", "HEAD")

    def delete_tag(self, tag: str) -> None:
        """Forget a tag, as a clone does that was made without them."""
        self._git("tag", "-d", tag)

    def _git(self, *arguments: str) -> str:
        person = {
            f"GIT_{role}_{what}": "ada@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        environment = {**os.environ, **person, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=self.root, check=True, env=environment, text=True, stdout=subprocess.PIPE)
        return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.mark.parametrize(
    ("file", "old", "new", "line"),
    [
        ("__init__.py", ', "fibonacci._old": ["Removed"]', "", "fibonacci.Removed: Public object was removed"),
        ("_client.py", ", *, timeout: float = 60.0", "", "fibonacci.connect(timeout): Parameter was removed"),
        (
            "_workflows.py",
            ", *, inputs: object = None",
            ", *",
            "fibonacci.Client.workflows.run(inputs): Parameter was removed",
        ),
        (
            "_workflows.py",
            "def get(self, workflow_id: str)",
            "def get(self, workflow_id: str, *, version: int)",
            "fibonacci.Client.workflows.get(version): Parameter was added as required",
        ),
        ("_workflows.py", "def get(", "def fetch(", "fibonacci.Client.workflows.get: Public object was removed"),
        (
            "_workflows.py",
            "timeout: float = 60.0",
            "timeout: float = 30.0",
            "fibonacci.Client.workflows.run(timeout): Parameter default was changed",
        ),
    ],
)
def test_a_change_that_breaks_programs_is_named(
    repository: Repository, file: str, old: str, new: str, line: str
) -> None:
    repository.replace(file, old, new)
    assert breaking_changes("v1.2.0", repository.root) == [line]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("_workflows.py", "def get(self, workflow_id: str)", "def get(self, workflow_id: str, *, version: int = 1)"),
        ("_workflows.py", "def _send(self, request: object)", "def _send(self)"),
        ("__init__.py", '"fibonacci._old": ["Removed"]', '"fibonacci._old": ["Removed", "Added"]'),
    ],
)
def test_other_changes_are_not(repository: Repository, file: str, old: str, new: str) -> None:
    repository.replace(file, old, new)
    assert breaking_changes("v1.2.0", repository.root) == []


def test_the_last_release_is_the_newest_tag_before_this_commit(repository: Repository) -> None:
    assert last_release(repository.root) is None
    repository.commit()
    assert last_release(repository.root) == ("1.2.0", "v1.2.0")
    repository.commit(tag="v1.3.0")
    assert last_release(repository.root) == ("1.2.0", "v1.2.0")
    repository.commit(tag="nightly")
    assert last_release(repository.root) == ("1.3.0", "v1.3.0")


def test_without_tags_it_is_the_newest_part_of_the_changelog_before_this_commit(repository: Repository) -> None:
    changelog = repository.root / "CHANGELOG.md"
    repository.delete_tag("v1.2.0")
    changelog.write_text("# Changelog\n\n## [1.2.0] - 2026-01-01\n\n- A.\n", "utf-8")
    first = repository.commit()
    assert last_release(repository.root) is None
    changelog.write_text(changelog.read_text("utf-8").replace("- A.", "- B."), "utf-8")
    repository.commit()
    assert last_release(repository.root) == ("1.2.0", first)
    changelog.write_text("# Changelog\n\n## [1.3.0] - 2026-02-01\n\n## [1.2.0] - 2026-01-01\n", "utf-8")
    second = repository.commit()
    assert last_release(repository.root) == ("1.2.0", first)
    repository.commit()
    assert last_release(repository.root) == ("1.3.0", second)


CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A.\n\n## [1.2.0] - 2026-01-01\n\n### Removed\n\n- B.\n"


@pytest.mark.parametrize(
    ("changelog", "fragments", "announced"),
    [
        (CHANGELOG, [], False),
        (CHANGELOG, ["README.md", "+call.added.md"], False),
        (CHANGELOG, ["+call.breaking.md"], True),
        (CHANGELOG, ["15.removed.1.md"], True),
        (CHANGELOG.replace("### Added", "### Removed"), [], True),
        (CHANGELOG.replace("### Added", "### Breaking since 1.2.0"), [], True),
        (CHANGELOG.replace("[Unreleased]", "[2.0.0] - 2026-02-01").replace("### Added", "### Breaking"), [], True),
    ],
)
def test_what_breaks_stands_in_a_part_of_its_own(changelog: str, fragments: list[str], announced: bool) -> None:
    assert is_announced(changelog, fragments, "1.2.0") is announced


def test_a_release_whose_table_is_computed_lists_its_names_as_imports(repository: Repository) -> None:
    table = 'lazy_names(globals(), {"fibonacci._client": ["Client", "connect"], "fibonacci._old": ["Removed"]})'
    imports = [
        "if TYPE_CHECKING:",
        "    from fibonacci._client import Client as Client",
        "    from fibonacci._client import connect as connect",
        "    from fibonacci._old import Removed as Removed",
        "__getattr__ = lazy_names(globals(), _HOMES)",
    ]
    repository.replace("__init__.py", table, "\n".join(imports))
    repository.commit("v1.3.0")
    assert breaking_changes("v1.3.0", repository.root) == []
    repository.replace("__init__.py", "\n".join(imports), table.replace(', "fibonacci._old": ["Removed"]', ""))
    assert breaking_changes("v1.3.0", repository.root) == ["fibonacci.Removed: Public object was removed"]
