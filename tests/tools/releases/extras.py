"""Use the installed package without extras, and with each extra alone.

python -m tests.tools.releases.extras WHEEL

Without extras it is installed into an environment of its own. With an extra, the environment of this interpreter has to
have all of them; a finder refuses the modules that the extra does not bring. Each use is also tried without its extra,
and has to fail: else it says nothing of the extra. One process imports the package, and a copy of it uses an extra.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
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


def refused_modules(requirement: str, homes: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the modules of this environment that a requirement does not bring.

    Args:
        requirement: The name of a distribution, with extras or without.
        homes: The distributions of each module.
    """
    needed = needed_by(requirement)
    return sorted(module for module, names in homes.items() if needed.isdisjoint(map(canonicalize_name, names)))


def faults(extras: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with extras."""
    yield from (f"{USE.name} has no use of [{extra}]" for extra in extras if extra not in USES)
    used = [extra for extra in extras if extra in USES]
    homes = packages_distributions()
    without = refused_modules(PACKAGE, homes)
    pairs = [(extra, refused_modules(f"{PACKAGE}[{extra}]", homes)) for extra in used]
    pairs += [(extra, without) for extra in used]
    with TemporaryDirectory() as folder:  # to run in, so that no source tree can stand in for the installed package
        path = Path(folder, "pairs.json")
        path.write_text(json.dumps(pairs), "utf-8")
        command = [sys.executable, "-W", "error", str(USE), str(path)]
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    traces = json.loads(done.stdout.splitlines()[-1])  # after what the uses print
    for extra, alone, bare in zip(used, traces[: len(used)], traces[len(used) :], strict=True):
        if alone:
            yield f"[{extra}] alone does not suffice:\n{alone}"
        elif not bare:
            yield f"the use of [{extra}] does not need it"


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
    found = list(faults(extras))
    print(*found, f"{len(extras)} extras alone: {len(found)} faults", sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
