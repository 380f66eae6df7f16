"""The other environments that the gate tests the client in.

python -m tests.tools.releases.environments lowest     run tests with the oldest Python and the lowest versions
python -m tests.tools.releases.environments newest     print the newest supported Python that is installed

The tests with the lowest versions are those of what depends on a version of something else, in a new environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.tools.releases.project import ROOT, developer_requirement, lowest_versions, read_extras, supported_pythons

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
TESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "python": ("tests/faults/test_tls.py", "tests/client/test_client.py"),
    "httpx": ("tests/transports/test_httpx_transport.py", "tests/transports/test_respx.py", "tests/net/test_http11.py"),
    "pydantic": (
        "tests/core/test_decoding.py",
        "tests/definitions/test_nodes.py",
        "tests/models/test_model_fields.py",
        "tests/models/test_model_objects.py",
        "tests/models/test_models.py",
    ),
    "tenacity": ("tests/client/test_client.py",),
    "typing-extensions": ("tests/core/test_decoding.py", "tests/client/test_client.py"),
    "pyarrow": ("tests/display/test_frames.py",),
    "httpx[http2]": ("tests/transports/test_http2.py",),
    "httpx2": ("tests/transports/test_transports.py",),
    "keyring": ("tests/profiles/test_credentials.py",),
    "filelock": ("tests/rate_limits/test_failures.py", "tests/rate_limits/test_options.py"),
    "mcp": ("tests/cli/mcp_server/test_tools.py",),
    "opentelemetry-api": (
        "tests/observability/test_execution_spans.py",
        "tests/observability/test_metrics.py",
        "tests/observability/test_observability.py",
    ),
    "pandas": ("tests/display/test_frames.py",),
    "resvg-py": ("tests/definitions/test_png.py",),
    "polars": ("tests/display/test_frames.py",),
    "psycopg[binary]": ("tests/batch/test_postgres_journal.py",),
    "tqdm": ("tests/display/test_progress.py",),
    "redis": ("tests/net/test_redis_store.py",),
    "socksio": ("tests/faults/test_socks.py",),
    "PyYAML": ("tests/definitions/test_files.py",),
}
"""The tests of what depends on Python and on each dependency of the package and of its extras."""

RAISES_OTHERS: Final = frozenset({"mcp"})
"""Extras whose package needs later versions than the lowest of others."""

UV: Final = (sys.executable, "-m", "uv")

_VERSION: Final = "import ensurepip, venv, sys; print('%d.%d' % sys.version_info[:2])"


def installed_pythons() -> dict[str, str]:
    """Return the program of each supported Python that is on the path, by its version, the oldest first."""
    supported = supported_pythons()
    found = {_version_of(program): program for program in _programs(supported)}
    return {version: found[version] for version in supported if version in found}


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


def run_lowest() -> int:
    """Run the tests in a new environment, and return their exit code.

    The Python is the oldest one: the newest may have come after the lowest versions of others.
    """
    oldest = supported_pythons()[0]
    python = installed_pythons().get(oldest)
    if python is None:
        print(f"Python {oldest}, the oldest supported one, is not installed")
        return 1
    with TemporaryDirectory() as folder:
        subprocess.run([*UV, "venv", "-q", "--python", python, folder], check=True)
        own = str(Path(folder, "bin", "python"))
        constraints = Path(folder, "constraints.txt")
        constraints.write_text("\n".join(lowest_versions()))
        extras = ",".join(read_extras().keys() - RAISES_OTHERS)
        needed = [f"{ROOT}[{extras}]", *map(developer_requirement, TOOLS)]
        subprocess.run([*UV, "pip", "install", "-q", "--python", own, "-c", str(constraints), *needed], check=True)
        shown = [own, "-c", "import sys, httpx, pydantic; print(sys.version, httpx.__version__, pydantic.VERSION)"]
        subprocess.run(shown, check=True)
        # Without the plugin of anyio: it is loaded before the tests' filters of warnings, and an old one warns.
        pytest = [own, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:anyio", "-m", ""]
        files = {file for name, files in TESTS.items() if name not in RAISES_OTHERS for file in files}
        return subprocess.run([*pytest, "-W", "default", *sorted(files)], cwd=ROOT).returncode  # old versions warn


def newest_python() -> str:
    """Return the program of the newest supported Python.

    Raises:
        SystemExit: There is none but this one, and a newer one is supported.
    """
    version, program = [*installed_pythons().items()][-1]
    newest = supported_pythons()[-1]
    if version != newest and program == sys.executable:
        raise SystemExit(f"no supported Python newer than {version} is installed: {newest} is the newest")
    return program


if __name__ == "__main__":
    if sys.argv[1:] == ["lowest"]:
        sys.exit(run_lowest())
    print(newest_python())
