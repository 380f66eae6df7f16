"""A site with versions: each in a folder of its name, and the newest at the root too.

The page's version selector reads `versions.json`, so that no page of an earlier version changes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from packaging.version import Version

from tests.releases.project import ROOT, read_version
from tests.site.build import SiteError, build

_COMMAND: Final = "tests/site/build.py"
"""What builds a release's site: a release without it has none."""


def build_versions(out: Path, root: Path = ROOT, *, releases: bool = False) -> Path:
    """Build the site of a checkout, and of the releases before it, into a folder, which is replaced.

    Args:
        out: The folder.
        root: The checkout.
        releases: Whether to build those of the tagged releases too, each by its own code.

    Returns:
        The folder of the checkout's version.

    Raises:
        SiteError: If a site cannot be built.
    """
    shutil.rmtree(out, ignore_errors=True)
    own = read_version(root)
    versions = [own]
    build(out / own, root)
    for tag in _tags(root) if releases else ():
        version = tag.removeprefix("v")
        if version != own:
            _build_release(tag, out / version, root)
            versions.append(version)
    versions.sort(key=Version, reverse=True)
    for path in (out / versions[0]).iterdir():
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, out / path.name)
    (out / "versions.json").write_text(versions_list(versions), "utf-8")
    return out / own


def versions_list(versions: list[str]) -> str:
    """Return the text of `versions.json`.

    Args:
        versions: The versions, the newest first.
    """
    items = [
        {"version": version, "title": version, "aliases": [] if number else ["latest"]}
        for number, version in enumerate(versions)
    ]
    return json.dumps(items, indent=1) + "\n"


def _tags(root: Path) -> Iterator[str]:
    """Yield the tags of releases that have a site."""
    for tag in _git(root, "tag", "--list", "v[0-9]*").stdout.split():
        if _git(root, "cat-file", "-e", f"{tag}:{_COMMAND}").returncode == 0:
            yield tag


def _build_release(tag: str, out: Path, root: Path) -> None:
    """Build the site of a release, in a clone, by the code of that release."""
    with TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        cloned = _git(root, "clone", "--quiet", "--shared", "--branch", tag, str(root), str(checkout))
        if cloned.returncode:
            raise SiteError(f"{tag} cannot be checked out: {cloned.stderr}")
        command = [sys.executable, "-m", "tests.site.build", str(out)]
        built = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
        if built.returncode:
            raise SiteError(f"the site of {tag} cannot be built: {built.stdout}{built.stderr}")


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
