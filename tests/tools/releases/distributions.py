"""Build the distributions of a release, and look into them.

python -m tests.tools.releases.distributions FOLDER

Checks what is in the wheel and the sdist in a folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from email import message_from_bytes
from pathlib import Path, PurePosixPath
from typing import Final

IN_SDIST: Final = frozenset(
    {
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "docs",
        "examples",
        "fibonacci",
        "pyproject.toml",
        "tests/contract/definitions",
    }
)
IN_WHEEL: Final = ("fibonacci/", "fibonacci_sdk-")
DATA: Final = (
    "fibonacci/py.typed",
    "fibonacci/.agents/skills/fibonacci-sdk/SKILL.md",
    "fibonacci/_net/redis_window.lua",
    "fibonacci/cli/call_tables/calls.json",
    "fibonacci/cli/commands/completions/fibonacci.bash",
    "fibonacci/cli/commands/completions/fibonacci.fish",
    "fibonacci/cli/commands/completions/fibonacci.zsh",
    "fibonacci/cli/examples.json",
    "fibonacci/cli/mcp_server/execution.schema.json",
    "fibonacci/cli/mcp_server/fixed_tools.json",
    "fibonacci/cli/synonyms.json",
    "fibonacci/definitions/definition.schema.json",
    "fibonacci/emulator/page/static/diagram.js",
    "fibonacci/emulator/page/static/icon.svg",
    "fibonacci/emulator/page/static/page.css",
    "fibonacci/emulator/page/static/page.js",
)
"""The files of the package that are not Python: each has to be there, and no other may be."""
GENERATED: Final = (".pyc", ".pyo", ".so", ".db", ".orig", ".rej", ".log")
_LINK: Final = re.compile(r"\]\(([^)\s]+)|(?:src|href)=\"([^\"]+)\"")


def build(source: Path, folder: Path, epoch: int) -> None:
    """Build wheel and sdist of a source tree.

    Args:
        source: The source tree.
        folder: Where to put them.
        epoch: The time of the files in them, in seconds since 1970.
    """
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(source)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{done.stderr}")


def faults_of_wheel(path: Path) -> list[str]:
    """Return what a wheel has that it must not have, and what it lacks."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        metadata = [archive.read(name) for name in names if name.endswith(".dist-info/METADATA")]
    faults = [f"{name} is stray" for name in names if not name.startswith(IN_WHEEL)]
    faults += _faults_of_package(names)
    readme = str(message_from_bytes(metadata[0]).get_payload()) if metadata else ""
    return faults + [f"the link {link} of the README is relative" for link in relative_links(readme)]


def faults_of_sdist(path: Path) -> list[str]:
    """Return what an sdist has that it must not have, and what it lacks."""
    with tarfile.open(path) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    parents = {name: {name, *map(str, PurePosixPath(name).parents)} for name in names if name}
    faults = [f"{name} is stray" for name, around in parents.items() if not around & IN_SDIST]
    return faults + _faults_of_package(names)


def relative_links(text: str) -> list[str]:
    """Return the links and pictures of a page that need the repository around it."""
    links = [markdown or html for markdown, html in _LINK.findall(text)]
    return [link for link in links if not link.startswith(("https://", "http://", "mailto:", "#"))]


def _faults_of_package(names: Sequence[str]) -> list[str]:
    generated = [name for name in names if name.endswith(GENERATED) or "__pycache__" in name]
    data = [name for name in names if name.startswith("fibonacci/") and not name.endswith((".py", ".pyi"))]
    return [
        *(f"{name} is generated" for name in generated),
        *(f"{name} is stray: DATA doesn't list it" for name in data if name not in (*DATA, *generated)),
        *(f"{name} is missing" for name in DATA if name not in names),
    ]


def main() -> int:
    """Look into them; return the exit code."""
    built = {path.name: path for path in sorted(Path(sys.argv[1]).iterdir())}
    faults: list[str] = []
    for name, path in built.items():
        faults += faults_of_wheel(path) if name.endswith(".whl") else faults_of_sdist(path)
    if len(built) != 2:
        faults.append(f"{sorted(built)} are not a wheel and an sdist")
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *map(str, built.values())], check=True)
    print(*faults, f"{', '.join(built)}: {len(faults)} faults", sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
