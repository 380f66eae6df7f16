"""Run the client's tests in other environments than that of the gate.

python -m tests.releases.environments lowest     with the oldest supported Python and the lowest versions of others
python -m tests.releases.environments newest     with the newest supported Python that is installed, if newer than this

The environment is made anew. The tests are those of what depends on a version of something else: parsing, models, the
transports, limiters that processes share, and what each extra brings.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from packaging.version import Version

from tests.releases.project import ROOT, developer_requirement, lowest_versions, read_extras, supported_pythons

TOOLS: Final = (
    "hypothesis",
    "openapi-core",
    "openapi-spec-validator",
    "opentelemetry-sdk",
    "pexpect",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "respx",
    "trio",
    "trustme",
)
TESTS: Final = (
    "tests/cli/test_completion.py",
    "tests/cli/test_executions_watch.py",
    "tests/cli/test_output.py",
    "tests/core/test_compression.py",
    "tests/core/test_decoding.py",
    "tests/definitions/test_files.py",
    "tests/definitions/test_nodes.py",
    "tests/definitions/test_png.py",
    "tests/definitions/test_writing.py",
    "tests/definitions/test_yaml.py",
    "tests/endpoints/test_endpoints.py",
    "tests/faults/test_socks.py",
    "tests/net/test_http11.py",
    "tests/net/test_redis_store.py",
    "tests/net/test_tls.py",
    "tests/profiles/test_credentials.py",
    "tests/test_client.py",
    "tests/test_errors.py",
    "tests/test_execution_spans.py",
    "tests/test_frames.py",
    "tests/test_http2.py",
    "tests/test_httpx_transport.py",
    "tests/test_metrics.py",
    "tests/test_model_fields.py",
    "tests/test_model_objects.py",
    "tests/test_models.py",
    "tests/test_observability.py",
    "tests/test_paging.py",
    "tests/test_progress.py",
    "tests/test_respx.py",
    "tests/shared_limits/test_failures.py",
    "tests/shared_limits/test_options.py",
    "tests/shared_limits/test_sharing.py",
    "tests/test_startup.py",
    "tests/test_transports.py",
)
RAISES_OTHERS: Final = frozenset({"mcp"})
"""Extras whose package needs later versions than the lowest of others."""

_VERSION: Final = "import ensurepip, venv, sys; print('%d.%d' % sys.version_info[:2])"


def installed_pythons() -> dict[str, str]:
    """Return the program of each supported Python that is on the path, by its version, the oldest first."""
    supported = supported_pythons()
    found = {_version_of(program): program for program in _programs(supported)}
    return {version: found[version] for version in supported if version in found}


def newest_python() -> str | None:
    """Return the newest supported Python that is installed; None if none is newer than this one."""
    own = Version(f"{sys.version_info.major}.{sys.version_info.minor}")
    newer = [program for version, program in installed_pythons().items() if Version(version) > own]
    return newer[-1] if newer else None


def _programs(versions: list[str]) -> Iterator[str]:
    """Yield the Pythons on the path, by every name that one may have, and this one."""
    for folder in os.environ["PATH"].split(os.pathsep):
        for name in ("python3", *(f"python{version}" for version in versions)):
            program = shutil.which(name, path=folder)
            if program is not None:
                yield program
    yield sys.executable


def _version_of(program: str) -> str | None:
    """Return the version of a Python, such as `3.13`; None if it does not run or makes no environments."""
    done = subprocess.run([program, "-c", _VERSION], capture_output=True, text=True)
    return None if done.returncode else done.stdout.strip()


def run_tests(python: str, extras: Iterable[str], constraints: list[str], *options: str) -> int:
    """Run the tests in a new environment of a Python; return the exit code.

    Args:
        python: The program.
        extras: What is installed of the package.
        constraints: The versions of others.
        options: Options of pytest.
    """
    with TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
        own = str(Path(folder, "bin", "python"))
        file = Path(folder, "constraints.txt")
        file.write_text("\n".join(constraints))
        needed = [f"{ROOT}[{','.join(extras)}]", *map(developer_requirement, TOOLS)]
        pip = [sys.executable, "-m", "pip", "--python", own]  # that of the gate is newer than the one Python brings
        install = [*pip, "install", "-q", "--no-compile", "-c", str(file), *needed]
        subprocess.run(install, check=True)
        shown = [own, "-c", "import sys, httpx, pydantic; print(sys.version, httpx.__version__, pydantic.VERSION)"]
        subprocess.run(shown, check=True)
        # Without the plugin of anyio: it is loaded before the tests' filters of warnings, and an old one warns.
        pytest = [own, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "-p", "no:anyio", *options]
        return subprocess.run([*pytest, *TESTS], cwd=ROOT).returncode


def run_lowest() -> int:
    """Run the tests with the oldest Python: the newest may have come after the lowest versions of others."""
    oldest = supported_pythons()[0]
    python = installed_pythons().get(oldest)
    if python is None:
        print(f"Python {oldest} is not installed")
        return 0
    # Old versions of others warn.
    return run_tests(python, read_extras().keys() - RAISES_OTHERS, lowest_versions(), "-W", "default")


def run_newest() -> int:
    """Run the tests with the newest Python, unless it is this one."""
    python = newest_python()
    if python is None:
        print("no newer supported Python than this one is installed")
        return 0
    return run_tests(python, read_extras(), [])


if __name__ == "__main__":
    sys.exit(run_lowest() if sys.argv[1:] == ["lowest"] else run_newest())
