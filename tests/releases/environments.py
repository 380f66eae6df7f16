"""Run the client's tests in other environments than that of the gate.

python -m tests.releases.environments lowest     with the lowest versions that pyproject.toml allows
python -m tests.releases.environments newest     with the newest Python that is installed beside this one

The environment is made anew. The tests are those of the client, the models, the definitions and the emulator: what
depends on a version of something else.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).parents[2]
TOOLS: Final = ("hypothesis", "pytest>=9", "pytest-timeout", "pytest-xdist", "respx>=0.23", "trio", "trustme")
TESTS: Final = (
    "tests/core", "tests/definitions", "tests/endpoints", "tests/test_client.py", "tests/test_config.py",
    "tests/test_errors.py", "tests/test_frames.py", "tests/test_http2.py", "tests/test_httpx_transport.py",
    "tests/test_model_fields.py", "tests/test_models.py", "tests/test_paging.py", "tests/test_shared_rate_limits.py",
)  # fmt: skip
EXTRAS: Final = (
    "arrow", "brotli", "http2", "httpx2", "machine", "otel", "pandas", "polars", "progress", "redis", "socks", "yaml",
)  # fmt: skip
NEWEST_FIRST: Final = ("3.15", "3.14", "3.13", "3.12", "3.11")

_LOWEST: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[\w,]+\])?>=(?P<version>[\d.]+)")


def lowest_versions() -> list[str]:
    """Return a constraint for each dependency of the package and of its extras: its lowest version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [
        *project["dependencies"],
        *(each for name in extras if name not in ("test", "lint") for each in extras[name]),
    ]
    found = [_LOWEST.match(each) for each in needed]
    return sorted({f"{each['name']}=={each['version']}" for each in found if each})


def newest_python() -> str | None:
    """Return the newest Python on the path that is another version than this one; None without one."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    for version in NEWEST_FIRST:
        program = shutil.which(f"python{version}")
        if version != own and program is not None and _makes_environments(program):
            return program
    return None


def run_tests(python: str, constraints: list[str], *options: str) -> int:
    """Run the tests in a new environment of a Python; return the exit code."""
    with TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", folder], check=True)
        own = Path(folder, "bin", "python")
        file = Path(folder, "constraints.txt")
        file.write_text("\n".join(constraints))
        install = [own, "-m", "pip", "install", "-q", "-c", file, f"{ROOT}[{','.join(EXTRAS)}]", *TOOLS]
        subprocess.run(install, check=True)
        shown = [own, "-c", "import sys, httpx, pydantic; print(sys.version, httpx.__version__, pydantic.VERSION)"]
        subprocess.run(shown, check=True)
        pytest = [own, "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider", *options, *TESTS]
        return subprocess.run(pytest, cwd=ROOT).returncode


def _makes_environments(program: str) -> bool:
    return subprocess.run([program, "-c", "import ensurepip, venv"], capture_output=True).returncode == 0


def main() -> int:
    """Run the tests in the environment that is named; return the exit code."""
    if sys.argv[1:] == ["lowest"]:
        # Old versions of others warn, also the pytest plugin of anyio when it is loaded.
        return run_tests(sys.executable, lowest_versions(), "-p", "no:anyio", "-W", "default")
    python = newest_python()
    if python is None:
        print("there is no other Python than this one")
        return 0
    return run_tests(python, [])


if __name__ == "__main__":
    sys.exit(main())
