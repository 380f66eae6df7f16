"""Build the distributions of a release, and look into them.

python -m tests.releases.distributions FOLDER

Builds wheel and sdist twice, the second time from a copy at another place and time: the bytes have to be the same. Then
checks what is in them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
EPOCH = "1700000000"
IN_SDIST = {".ci", ".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "docs", "examples", "fibonacci",
    "pyproject.toml", "tests"}  # fmt: skip
GENERATED = (".pyc", ".pyo", ".so", ".db", ".orig", ".rej")


def build(source: Path, folder: Path) -> dict[str, Path]:
    """Build wheel and sdist of a source tree; return them by their names."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(source)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\n{done.stderr}")
    return {path.name: path for path in sorted(folder.iterdir())}


def differences(one: dict[str, Path], other: dict[str, Path]) -> list[str]:
    """Return the names of distributions that are not the same bytes in both builds."""
    hashes = [{name: sha256(path.read_bytes()).hexdigest() for name, path in built.items()} for built in (one, other)]
    return sorted(name for name in hashes[0].keys() | hashes[1].keys() if hashes[0].get(name) != hashes[1].get(name))


def faults_of_wheel(path: Path) -> list[str]:
    """Return what a wheel has that it must not have, and what it lacks."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        bills = [json.loads(archive.read(name)) for name in names if ".dist-info/sboms/" in name]
    faults = [f"{name} is stray" for name in names if not name.startswith(("fibonacci/", "fibonacci_sdk-"))]
    faults += [f"{name} is generated" for name in names if name.endswith(GENERATED)]
    faults += [f"{name} is missing" for name in ("fibonacci/py.typed",) if name not in names]
    needed = [bill["components"] for bill in bills]
    if len(needed) != 1 or "httpx" not in [component["name"] for component in needed[0]]:
        faults.append("the list of components is missing or wrong")
    return faults


def faults_of_sdist(path: Path) -> list[str]:
    """Return what an sdist has that it must not have."""
    with tarfile.open(path) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    faults = [f"{name} is stray" for name in names if name and name.partition("/")[0] not in IN_SDIST]
    return faults + [f"{name} is generated" for name in names if name.endswith(GENERATED)]


def main() -> int:
    """Build, compare and look; return the exit code."""
    folder = Path(sys.argv[1])
    with TemporaryDirectory() as elsewhere:
        copy = Path(elsewhere, "copy")
        left_out = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", "dist", ".coverage*")
        shutil.copytree(ROOT, copy, ignore=left_out, copy_function=shutil.copy)
        built = build(ROOT, folder)
        faults = [
            f"{name} differs when built again" for name in differences(built, build(copy, Path(elsewhere, "dist")))
        ]
    for name, path in built.items():
        faults += faults_of_wheel(path) if name.endswith(".whl") else faults_of_sdist(path)
    faults += [] if len(built) == 2 else [f"{sorted(built)} are not a wheel and an sdist"]
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *map(str, built.values())], check=True)
    print(*faults, f"{', '.join(built)}: {len(faults)} faults", sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
