"""What pyproject.toml says of the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.version import Version

ROOT: Final = Path(__file__).parents[3]
DEVELOPER_EXTRAS: Final = frozenset({"docs", "lint", "mutation", "test", "test-slow"})


def read_project(root: Path = ROOT) -> dict[str, Any]:
    """Return the table `project`."""
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return project


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git in a checkout, and return what it has printed; it may fail."""
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)


def copy_files(folder: Path) -> None:
    """Copy the files of the checkout into a folder, which is made: those that git has or would take."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout.split("\0")
    for name in filter(lambda name: name and (ROOT / name).exists(), listed):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)


def read_extras() -> dict[str, list[str]]:
    """Return the requirements of each extra for users: those of developers bring tools, and `cli` other extras."""
    extras: dict[str, list[str]] = read_project()["optional-dependencies"]
    return {name: needed for name, needed in extras.items() if name not in ("cli", *DEVELOPER_EXTRAS)}


def read_version(root: Path = ROOT) -> str:
    """Return the version of the package; `fibonacci/__init__.py` is the one place that has it."""
    found = re.search(r'^__version__ = "(.+)"$', (root / "fibonacci/__init__.py").read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit("fibonacci/__init__.py has no __version__")
    return found[1]


def supported_pythons() -> list[str]:
    """Return the supported versions of Python, such as `3.11`, the oldest first; the classifiers have them."""
    found = re.findall(r"^Programming Language :: Python :: (3\.\d+)$", "\n".join(read_project()["classifiers"]), re.M)
    return sorted(found, key=Version)


def lowest_versions() -> list[str]:
    """Return a constraint for each dependency of the package and of its extras: its lowest version."""
    needed = [*read_project()["dependencies"], *(each for extra in read_extras().values() for each in extra)]
    return sorted({_lowest(Requirement(each)) for each in needed})


def developer_requirement(name: str) -> str:
    """Return the requirement of the extra `test` on a package, without extras of it."""
    needed = map(Requirement, read_project()["optional-dependencies"]["test"])
    (found,) = [each for each in needed if each.name == name]
    return f"{found.name}{found.specifier}"


def _lowest(requirement: Requirement) -> str:
    (version,) = [each.version for each in requirement.specifier if each.operator == ">="]
    return f"{requirement.name}=={version}"
