"""Use the installed package without extras, and with each extra alone.

python -m tests.tools.releases.extras WHEEL

Without extras it is installed into an environment of its own. With an extra, the environment of this interpreter has to
have all of them; a finder refuses the modules that the extra does not bring. Each use is also tried without its extra,
and has to fail: else it says nothing of the extra.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.tools.releases.extra_uses import USES
from tests.tools.releases.project import read_extras

PACKAGE: Final = "fibonacci-sdk"
SMOKE: Final = Path(__file__).with_name("smoke.py")
USE: Final = Path(__file__).with_name("extra_uses.py")


def needed_by(requirement: str, installed: dict[str, list[str]] | None = None) -> set[str]:
    """Return the names of the distributions that a requirement brings, its own included.

    Args:
        requirement: The name of a distribution, with extras or without, such as `httpx[http2]`.
        installed: The requirements of each distribution by its name; those of this environment by default.
    """
    first = Requirement(requirement)
    done = set[tuple[str, str]]()
    waiting = [(first.name, each) for each in ("", *first.extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in done:
            continue
        done.add((name, extra))
        for text in _requirements(name) if installed is None else installed.get(name, []):
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(needed.name), each) for each in ("", *needed.extras)]
    return {name for name, _ in done}


def refused_modules(requirement: str) -> list[str]:
    """Return the modules of this environment that a requirement does not bring."""
    needed = needed_by(requirement)
    homes = packages_distributions().items()
    return sorted(module for module, names in homes if not {canonicalize_name(name) for name in names} & needed)


def fault(extra: str, folder: Path) -> str | None:
    """Return what is wrong with an extra; None if nothing is.

    Args:
        extra: Its name.
        folder: Where to run, so that no source tree can stand in for the installed package.
    """
    if extra not in USES:
        return f"tests/tools/releases/extra_uses.py has no use of [{extra}]"
    alone = _use(extra, f"{PACKAGE}[{extra}]", folder)
    if alone.returncode:
        return f"[{extra}] alone does not suffice:\n{alone.stderr}"
    if not _use(extra, PACKAGE, folder).returncode:
        return f"the use of [{extra}] does not need it"
    return None


def _use(extra: str, requirement: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(USE), extra, *refused_modules(requirement)]
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def _requirements(name: str) -> list[str]:
    try:
        return distribution(name).requires or []
    except PackageNotFoundError:  # of another platform
        return []


def _use_bare(wheel: str) -> None:
    with TemporaryDirectory() as folder:
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "-q", "--python", sys.executable, folder], check=True)
        python = Path(folder, "Scripts" if sys.platform == "win32" else "bin", "python")
        subprocess.run([*uv, "pip", "install", "-q", "--python", python, wheel], check=True)
        subprocess.run([python, "-W", "error", SMOKE], check=True, cwd=folder)


def main() -> int:
    """Use the package in each way; return the exit code."""
    _use_bare(sys.argv[1])
    extras = list(read_extras())
    with TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = [found for found in pool.map(partial(fault, folder=Path(folder)), extras) if found]
    print(*faults, f"{len(extras)} extras alone: {len(faults)} faults", sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
