"""What is gone from the public API since the last release shows in its listing, and has to be in the changelog."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.kit.assertions import check_each
from tests.kit.programs import find
from tests.kit.public_api import public_objects
from tests.tools.reference.public_api import LISTING, python_facts
from tests.tools.releases.project import ROOT
from tests.tools.releases.removed_api import Unknown, is_named, last_release, main, removed, thing_of

PACKAGE = {
    "__init__.py": """
        from fibonacci._lazy import lazy_names
        __version__ = "1.3.0.dev0"
        lazy_names(globals(), {"fibonacci._client": ["Fibonacci", "connect"], "fibonacci._old": ["Old"]})
        """,
    "_client.py": """
        from fibonacci._lazy import namespace
        from fibonacci._workflows import Workflows

        class Fibonacci:
            @namespace
            def workflows(self) -> Workflows:
                return Workflows()

        def connect(url: str, *, timeout: float = 60.0) -> Fibonacci: ...
        """,
    "_old.py": "class Old(ValueError): ...",
    "_workflows.py": """
        class Workflows:
            def run(self, workflow_id: str, *, inputs: object = None) -> None: ...
            def get(self, workflow_id: str, version: int = 1) -> None: ...
            def _send(self, request: object) -> None: ...
        """,
}
CHANGELOG = (
    "# Changelog\n\n## 1.3.0 (unreleased)\n\n- A.\n\n## 1.2.0 (2026-01-01)\n\n- The `Old` and `workflows.get`.\n"
)
GET = "fibonacci.Fibonacci.workflows.get"


def write_package(root: Path) -> None:
    (root / "fibonacci").mkdir()
    for name, source in PACKAGE.items():
        lines = source.split("\n")
        (root / "fibonacci" / name).write_text("\n".join(line.removeprefix(" " * 8) for line in lines), "utf-8")


def facts_of(root: Path) -> list[str]:
    return list(python_facts(public_objects(root)))


def replace(root: Path, file: str, old: str, new: str) -> None:
    path = root / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    write_package(tmp_path)
    return tmp_path


def test_the_listing_has_a_line_for_each_fact(package: Path) -> None:
    assert facts_of(package) == [
        "fibonacci.Fibonacci: class",
        "fibonacci.Fibonacci.workflows: class",
        "fibonacci.Fibonacci.workflows.get -> None",
        "fibonacci.Fibonacci.workflows.get(workflow_id: str)",
        "fibonacci.Fibonacci.workflows.get(_, version: int = 1)",
        "fibonacci.Fibonacci.workflows.run -> None",
        "fibonacci.Fibonacci.workflows.run(workflow_id: str)",
        "fibonacci.Fibonacci.workflows.run(*, inputs: object = None)",
        "fibonacci.Old: class(ValueError)",
        "fibonacci.connect -> Fibonacci",
        "fibonacci.connect(url: str)",
        "fibonacci.connect(*, timeout: float = 60.0)",
    ]


CHANGES: list[tuple[str, str, str, list[str], str]] = [
    ("__init__", ', "fibonacci._old": ["Old"]', "", ["fibonacci.Old: class(ValueError)"], "`Old`"),
    ("_old", "ValueError", "TypeError", ["fibonacci.Old: class(ValueError)"], "`Old`"),
    ("_workflows", "def get(", "def fetch(", [f"{GET} -> None"], "`client.workflows.get(...)`"),
    ("_workflows", "version: int", "at: int", [f"{GET}(_, version: int = 1)"], "`version=` of `workflows.get`"),
    ("_workflows", "version: int = 1", "version: int", [f"{GET}(_, version: int = 1)"], "`workflows.get(version)`"),
    ("_client", "60.0", "30.0", ["fibonacci.connect(*, timeout: float = 60.0)"], "`connect(timeout=30)`"),
    ("_workflows", "def _send(self, request: object)", "def _send(self)", [], ""),
    ("_workflows", "inputs: object = None", "inputs: object = None, more: int = 0", [], ""),
    ("__init__", '["Old"]', '["Old", "New"]', [], ""),
]
"""A file, a text of it and what is in place of it; what is gone with that, and how the changelog may name it."""


def test_what_is_gone_needs_an_entry_that_names_it(package: Path) -> None:
    before = facts_of(package)

    def check(row: tuple[str, str, str, list[str], str]) -> None:
        file, old, new, gone, named = row
        path = package / "fibonacci" / f"{file}.py"
        source = path.read_text("utf-8")
        replace(package, f"fibonacci/{file}.py", old, new)
        found = removed(before, facts_of(package))
        path.write_text(source, "utf-8")
        assert [lines[0] for lines in found.values()] == gone
        for thing in found:
            assert is_named(thing, f"- Gone:\n  {named}.\n")
            plain = named.replace("`", "")
            assert not is_named(thing, f"- Gone: {plain}.\n")
            assert not is_named(thing, f"```sh\n{plain}\n```\n")
            assert not is_named(
                thing, "- `workflows`, `get_all`, `workflows.get_all`, `Older`, `reconnect(timeout=1)`\n"
            )

    check_each(CHANGES, check)


LINES = [
    ("fibonacci.AsyncPager.first -> await T | None", "`Pager.first`", "`Pager` and `first`"),
    ("fibonacci.AsyncPager: class", "`AsyncPager`", "`Pager`"),
    ("fibonacci.AsyncFibonacci(*, clock: Clock)", "`Fibonacci(clock=...)`", "`Fibonacci`\n- `clock`"),
    ("fibonacci.Fibonacci.close -> None", "`client.close()`", "`client.aclose()`"),
    ("fibonacci.models.Execution.id: str", "`Execution.id`", "`id`"),
    ("command fibonacci --json", "`fibonacci --json`", "`--json-column` of `fibonacci`"),
    ("command fibonacci dev --port PORT = 8787", "`--port` of `fibonacci dev`", "`--port` of `fibonacci run`"),
    ("command fibonacci workflows get", "`fibonacci workflows get ID`", "`workflows.get`"),
    ("command fibonacci validate FILE|- ...", "`fibonacci validate FILE|-`", "`fibonacci validate`"),
    ("environment variable NO_COLOR", "`NO_COLOR`", "`NO`"),
    ("exit code 64 USAGE", "exit code `64`", "exit code `640`"),
    ("extra redis redis>=5", "extra `redis`", "extra `redis-py`"),
    ("requires httpx>=0.28,<1", "`httpx`", "`httpx2`"),
    ("pytest fixture fibonacci_client -> Fibonacci", "`fibonacci_client`", "`fibonacci_emulator`"),
]
"""A line of the listing, how the changelog names what it is about, and a name that is not it."""


def test_each_kind_of_thing_is_named_exactly() -> None:
    for line, named, other in LINES:
        assert is_named(thing_of(line), f"- {named}\n"), line
        assert not is_named(thing_of(line), f"- {other}\n"), line


def test_what_is_gone_as_a_whole_is_one_thing() -> None:
    before = ["command fibonacci dev", "command fibonacci dev --port PORT", "fibonacci.A(b: int)", "fibonacci.A: class"]
    assert removed(before, []) == {
        ("command", "fibonacci", "dev"): before[:2],
        ("fibonacci", "A"): before[2:],
    }


class Repository:
    """A git repository with a package, its listing and a changelog.

    Args:
        root: Its folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.listing = root / LISTING.relative_to(ROOT)

    def fill(self) -> None:
        """Make the first commit."""
        write_package(self.root)
        self.listing.parent.mkdir(parents=True)
        self.listing.write_text("# The public API.\n\n" + "\n".join(facts_of(self.root)) + "\n", "utf-8")
        (self.root / "CHANGELOG.md").write_text(CHANGELOG, "utf-8")
        self.git("init", "-q")
        self.commit()

    def commit(self, tag: str | None = None) -> None:
        """Commit everything, with a tag on request."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "Change")
        if tag is not None:
            self.git("tag", tag)

    def git(self, *arguments: str) -> None:
        """Run git."""
        person = {
            f"GIT_{who}_{what}": "ada@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        environment = {**os.environ, **person, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        subprocess.run(["git", *arguments], cwd=self.root, check=True, env=environment)


@pytest.fixture(scope="module")
def first_commit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    find("git")
    root = tmp_path_factory.mktemp("repository")
    Repository(root).fill()
    return root


@pytest.fixture
def repository(first_commit: Path, tmp_path: Path) -> Repository:
    return Repository(shutil.copytree(first_commit, tmp_path / "repository"))


def test_the_last_release_is_the_newest_tag_before_this_commit(repository: Repository) -> None:
    repository.git("tag", "v1.2.0")
    replace(repository.root, "fibonacci/__init__.py", "1.3.0.dev0", "1.2.0")
    assert last_release(repository.root).version == "0.2.4"  # it is the one that is tagged
    replace(repository.root, "fibonacci/__init__.py", "1.2.0", "1.3.0.dev0")
    repository.commit(tag="nightly")
    version, lines = last_release(repository.root)
    assert version == "1.2.0"
    assert f"{GET} -> None" in lines


def test_a_removal_fails_until_the_changelog_names_it(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.git("tag", "v1.2.0")
    repository.commit()
    assert main(repository.root) == 0
    replace(repository.root, LISTING.relative_to(ROOT).as_posix(), f"{GET} -> None\n", "")
    assert main(repository.root) == 1  # what the entry of 1.2.0 says does not count
    assert f"nothing in CHANGELOG.md names `workflows.get`\n  - {GET} -> None" in capsys.readouterr().out
    replace(repository.root, "CHANGELOG.md", "- A.", "- `workflows.get` is gone.")
    assert main(repository.root) == 0


def test_without_a_tag_the_names_of_0_2_4_have_to_be_in_the_changelog(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(repository.root, "fibonacci/__init__.py", "1.3.0.dev0", "1.2.0.dev0")
    assert main(repository.root) == 1
    assert "nothing in CHANGELOG.md names `YAMLLoader`\n  - fibonacci.YAMLLoader\n" in capsys.readouterr().out


def test_a_release_that_cannot_be_compared_with_fails(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(Unknown, match=r"the changelog has 1\.2\.0, and its tag is missing"):
        last_release(repository.root)
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth=1", repository.root.as_uri(), str(shallow)], check=True)
    with pytest.raises(Unknown, match="the clone is shallow"):
        last_release(shallow)
    listing = repository.listing.read_text("utf-8")
    repository.listing.write_text("# Nothing.\n", "utf-8")
    repository.commit(tag="v1.2.0")
    repository.commit()
    with pytest.raises(Unknown, match=r"the listing of v1\.2\.0 is empty"):
        last_release(repository.root)
    repository.listing.write_text(listing, "utf-8")
    repository.commit(tag="v1.2.1")
    repository.commit()
    with pytest.raises(Unknown, match=r"v1\.2\.1 is empty, or the changelog has no entry of it"):
        last_release(repository.root)


def test_a_folder_without_history_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    find("git")
    assert main(tmp_path) == 1
    assert "there is no git history: " in capsys.readouterr().out
