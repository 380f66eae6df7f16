"""A site with versions: each in a folder of its name, and the newest at the root too.

The page's version selector reads `versions.json`, so that no page of an earlier version changes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from packaging.version import Version

from tests.tools.releases.project import ROOT, git, read_version
from tests.tools.site.build import SiteError, build

_COMMAND: Final = "tests/tools/site/build.py"
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
    build(out / own, root)
    write_root(out, [own, *(build_releases(out, root, but=own) if releases else ())])
    return out / own


def build_releases(out: Path, root: Path, *, but: str) -> list[str]:
    """Build the sites of the tagged releases, each into the folder of its version, and return the versions.

    Args:
        out: Where the folders are made.
        root: The repository.
        but: The version that is left out.

    Raises:
        SiteError: If one cannot be built.
    """
    tags = [tag for tag in tags_with_site(root) if tag != f"v{but}"]
    for tag in tags:
        _build_release(tag, out / tag.removeprefix("v"), root)
    return [tag.removeprefix("v") for tag in tags]


def write_root(out: Path, versions: list[str]) -> None:
    """Put a copy of the newest version's site at the root, and the list of all versions."""
    in_order = sorted(versions, key=_rank, reverse=True)
    shutil.copytree(out / in_order[0], out, dirs_exist_ok=True)
    (out / "versions.json").write_text(versions_list(in_order), "utf-8")


def tags_with_site(root: Path) -> list[str]:
    """Return the tags of releases that have a site."""
    tags = git(root, "tag", "--list", "v[0-9]*").stdout.split()
    return [tag for tag in tags if git(root, "cat-file", "-e", f"{tag}:{_COMMAND}").returncode == 0]


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


def _rank(version: str) -> tuple[bool, Version]:
    """Return the place of a version among others: each release is newer than what is in development."""
    parsed = Version(version)
    return not parsed.is_prerelease, parsed


def _build_release(tag: str, out: Path, root: Path) -> None:
    """Build the site of a release, in a clone, by the code of that release."""
    with TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        cloned = git(root, "clone", "--quiet", "--shared", "--branch", tag, str(root), str(checkout))
        if cloned.returncode:
            raise SiteError(f"{tag} cannot be checked out: {cloned.stderr}")
        command = [sys.executable, "-m", "tests.tools.site.build", str(out)]
        built = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
        if built.returncode:
            raise SiteError(f"the site of {tag} cannot be built: {(built.stdout + built.stderr).strip()}")
