"""Each release has the documentation of its time, built from its tag."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.kit.programs import find
from tests.tools.site.build import SiteError
from tests.tools.site.versions import build_releases, tags_with_site, versions_list, write_root

# What a release brings to build its site; this one writes a page with what it was built from.
BUILDER = """
import sys
from pathlib import Path

out = Path(sys.argv[1])
out.mkdir(parents=True)
(out / "index.html").write_text(Path("fibonacci/__init__.py").read_text())
"""


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org", "-c", "tag.gpgSign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def repository(tmp_path: Path) -> Path:
    """Make a repository with releases: 0.9.0, which has no site, 1.0.0 and 1.10.0."""
    root = tmp_path / "repository"
    (root / "fibonacci").mkdir(parents=True)
    git(root, "init", "--quiet")
    for version in ("0.9.0", "1.0.0", "1.10.0"):
        if version == "1.0.0":
            (root / "tests" / "tools" / "site").mkdir(parents=True)
            for package in ("tests", "tests/tools", "tests/tools/site"):
                (root / package / "__init__.py").touch()
            (root / "tests" / "tools" / "site" / "build.py").write_text(BUILDER)
        (root / "fibonacci" / "__init__.py").write_text(f'__version__ = "{version}"\n')
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", version)
        git(root, "tag", f"v{version}")
    return root


def test_each_release_that_has_a_site_is_built_from_its_tag(tmp_path: Path) -> None:
    find("git")
    root = repository(tmp_path)
    assert sorted(tags_with_site(root)) == ["v1.0.0", "v1.10.0"]
    assert sorted(build_releases(tmp_path / "out", root, but="1.10.0")) == ["1.0.0"]
    assert (tmp_path / "out" / "1.0.0" / "index.html").read_text() == '__version__ = "1.0.0"\n'
    assert not (tmp_path / "out" / "1.10.0").exists()
    (root / "tests" / "tools" / "site" / "build.py").write_text("raise SystemExit('no such page')")
    git(root, "commit", "--quiet", "--all", "--message", "1.11.0")
    git(root, "tag", "v1.11.0")
    git(root, "tag", "--delete", "v1.0.0")
    with pytest.raises(SiteError, match=r"^the site of v1.11.0 cannot be built: no such page$"):
        build_releases(tmp_path / "out", root, but="1.10.0")


def test_the_newest_release_is_at_the_root(tmp_path: Path) -> None:
    versions = ["1.9.0", "1.10.0", "1.11.0.dev0"]
    for version in versions:
        (tmp_path / version / "how-to").mkdir(parents=True)
        (tmp_path / version / "how-to" / "index.html").write_text(version)
    write_root(tmp_path, versions)
    assert (tmp_path / "how-to" / "index.html").read_text() == "1.10.0"
    listed = json.loads((tmp_path / "versions.json").read_text())
    assert listed == json.loads(versions_list(["1.10.0", "1.9.0", "1.11.0.dev0"]))


def test_the_newest_version_is_called_the_latest() -> None:
    listed = [(each["version"], each["aliases"]) for each in json.loads(versions_list(["1.10.0", "1.9.0"]))]
    assert listed == [("1.10.0", ["latest"]), ("1.9.0", [])]
