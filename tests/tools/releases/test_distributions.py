"""A release is refused whose tag is another version, or that has stray files."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import yaml

from tests.kit.programs import find
from tests.tools.releases.distributions import DATA, faults_of_sdist, faults_of_wheel, relative_links
from tests.tools.releases.project import ROOT, read_project
from tests.tools.releases.tagged import commit_time, fault

CHANGELOG = "# Changelog\n\n## 1.2.0 (2026-01-01)\n\n### Added\n"
INFO = "fibonacci_sdk-1.2.0.dist-info"
WHEEL = {
    "fibonacci/__init__.py": "",
    **dict.fromkeys(DATA, ""),
    f"{INFO}/METADATA": "Name: fibonacci-sdk\n\n[Errors](https://github.com/example/blob/v1.2.0/docs/errors.md)\n",
}


def wheel(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "fibonacci_sdk-1.2.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def sdist(folder: Path, names: list[str]) -> Path:
    path = folder / "fibonacci_sdk-1.2.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(f"fibonacci_sdk-1.2.0/{name}"), io.BytesIO())
    return path


def test_the_tag_of_the_version_is_released_and_another_is_refused() -> None:
    assert fault("v1.2.0", "1.2.0", CHANGELOG) is None
    for tag in ("v1.2.1", "1.2.0"):
        other = f"the tag is {tag}, and the version in fibonacci/__init__.py is 1.2.0"
        assert fault(tag, "1.2.0", CHANGELOG) == other
    for version in ("1.3.0", "1x2.0", "1.2.0.dev0"):
        assert fault(f"v{version}", version, CHANGELOG) == f"CHANGELOG.md has no entry of {version} with a date"
    unreleased = fault("v1.2.0", "1.2.0", "## 1.2.0 (unreleased)\n")
    assert unreleased == "CHANGELOG.md has no entry of 1.2.0 with a date"


def test_the_time_of_a_release_is_that_of_its_commit(tmp_path: Path) -> None:
    find("git")
    person = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    command = ["git", *person, "commit", "-q", "--allow-empty", "-m", "Release"]
    subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, "GIT_COMMITTER_DATE": "@1700000000 +0200"})
    assert commit_time(tmp_path) == 1_700_000_000


def test_what_a_wheel_must_not_have_is_named(tmp_path: Path) -> None:
    assert faults_of_wheel(wheel(tmp_path, WHEEL)) == []
    metadata = {f"{INFO}/METADATA": "Name: x\n\n[Errors](docs/reference/errors.md)\n"}
    stray = ("tests/__init__.py", "fibonacci/notes.txt", "fibonacci/x.pyc", "fibonacci/__pycache__/x")
    assert faults_of_wheel(wheel(tmp_path, {**WHEEL, **metadata, **dict.fromkeys(stray, "")})) == [
        "tests/__init__.py is stray",
        "fibonacci/x.pyc is generated",
        "fibonacci/__pycache__/x is generated",
        "fibonacci/notes.txt is stray: DATA doesn't list it",
        "the link docs/reference/errors.md of the README is relative",
    ]


def test_what_a_wheel_lacks_is_named(tmp_path: Path) -> None:
    files = {name: text for name, text in WHEEL.items() if name not in DATA}
    assert faults_of_wheel(wheel(tmp_path, files)) == [f"{name} is missing" for name in DATA]


def test_what_an_sdist_must_not_have_and_lacks_is_named(tmp_path: Path) -> None:
    names = [*DATA[1:], "PKG-INFO", ".env", "tests/conftest.py", "docs/old.orig", "fibonacci/_core/.swp"]
    assert faults_of_sdist(sdist(tmp_path, names)) == [
        ".env is stray",
        "tests/conftest.py is stray",
        "docs/old.orig is generated",
        "fibonacci/_core/.swp is stray: DATA doesn't list it",
        f"{DATA[0]} is missing",
    ]


def test_links_of_a_page_that_need_the_repository() -> None:
    page = (
        '[a](docs/a.md) [b](https://b.test) [c](#c) ![d](d.svg) <img src="e.png"> <a href="http://f.test">f</a> [g](/g)'
    )
    assert relative_links(page) == ["docs/a.md", "d.svg", "e.png", "/g"]


def test_the_citation_says_what_the_package_says() -> None:
    citation = yaml.safe_load((ROOT / ".github" / "CITATION.cff").read_text("utf-8"))
    project = read_project()
    shared = {"title": "name", "abstract": "description", "license": "license", "keywords": "keywords"}
    assert {name: citation[name] for name in shared} == {name: project[key] for name, key in shared.items()}
    urls = project["urls"]
    assert (citation["repository-code"], citation["url"]) == (urls["Repository"], urls["Documentation"])
    assert f"The {citation['authors'][0]['name'].removeprefix('The ')}" in (ROOT / "LICENSE").read_text("utf-8")
