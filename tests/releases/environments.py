"""Run the client's tests in other environments than that of the gate.

python -m tests.releases.environments lowest     with the oldest supported Python and the lowest versions of others
python -m tests.releases.environments newest     with the newest supported Python that is installed

The tests are those of what depends on a version of something else, in a new environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

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
TESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "python": ("tests/net/test_tls.py", "tests/test_startup.py", "tests/test_client.py"),
    "httpx": ("tests/test_httpx_transport.py", "tests/test_respx.py", "tests/net/test_http11.py"),
    "pydantic": (
        "tests/core/test_decoding.py",
        "tests/definitions/test_nodes.py",
        "tests/test_model_fields.py",
        "tests/test_model_objects.py",
        "tests/test_models.py",
    ),
    "tenacity": ("tests/test_client.py",),
    "typing-extensions": ("tests/core/test_decoding.py", "tests/test_client.py"),
    "pyarrow": ("tests/test_frames.py",),
    "brotli": ("tests/core/test_compression.py",),
    "rich": ("tests/cli/test_executions_watch.py", "tests/cli/test_output.py"),
    "shtab": ("tests/cli/test_completion.py",),
    "httpx[http2]": ("tests/test_http2.py",),
    "httpx2": ("tests/test_transports.py",),
    "keyring": ("tests/profiles/test_credentials.py",),
    "filelock": ("tests/shared_limits/test_failures.py", "tests/shared_limits/test_options.py"),
    "mcp": ("tests/cli/mcp_server/test_tools.py",),
    "opentelemetry-api": ("tests/test_execution_spans.py", "tests/test_metrics.py", "tests/test_observability.py"),
    "pandas": ("tests/test_frames.py",),
    "resvg-py": ("tests/definitions/test_png.py",),
    "polars": ("tests/test_frames.py",),
    "tqdm": ("tests/test_progress.py",),
    "redis": ("tests/net/test_redis_store.py",),
    "socksio": ("tests/faults/test_socks.py",),
    "PyYAML": ("tests/definitions/test_files.py", "tests/definitions/test_yaml.py"),
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


def run_tests(
    python: str, extras: Iterable[str], constraints: list[str], *options: str, without: Container[str] = ()
) -> int:
    """Run the tests in a new environment of a Python; return the exit code.

    Args:
        python: The program.
        extras: What is installed of the package.
        constraints: The versions of others.
        options: Options of pytest.
        without: Dependencies that are not installed, and not tested.
    """
    with TemporaryDirectory() as folder:
        subprocess.run([*UV, "venv", "-q", "--python", python, folder], check=True)
        own = str(Path(folder, "bin", "python"))
        file = Path(folder, "constraints.txt")
        file.write_text("\n".join(constraints))
        needed = [f"{ROOT}[{','.join(extras)}]", *map(developer_requirement, TOOLS)]
        subprocess.run([*UV, "pip", "install", "-q", "--python", own, "-c", str(file), *needed], check=True)
        shown = [own, "-c", "import sys, httpx, pydantic; print(sys.version, httpx.__version__, pydantic.VERSION)"]
        subprocess.run(shown, check=True)
        # Without the plugin of anyio: it is loaded before the tests' filters of warnings, and an old one warns.
        pytest = [own, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:anyio", "-m", "", *options]
        files = {file for name, files in TESTS.items() if name not in without for file in files}
        return subprocess.run([*pytest, *sorted(files)], cwd=ROOT).returncode


def run_lowest() -> int:
    """Run the tests with the oldest Python: the newest may have come after the lowest versions of others."""
    oldest = supported_pythons()[0]
    python = installed_pythons().get(oldest)
    if python is None:
        print(f"Python {oldest}, the oldest supported one, is not installed")
        return 1
    extras = read_extras().keys() - RAISES_OTHERS
    # Old versions of others warn.
    return run_tests(python, extras, lowest_versions(), "-W", "default", without=RAISES_OTHERS)


def run_newest() -> int:
    """Run the tests with the newest Python; where that is this one, the step `tests` of the gate does."""
    version, python = [*installed_pythons().items()][-1]
    if version != f"{sys.version_info.major}.{sys.version_info.minor}":
        return run_tests(python, read_extras(), [])
    if version != supported_pythons()[-1]:
        print(f"no supported Python newer than {version} is installed: {', '.join(supported_pythons())}")
        return 1
    if " tests " in os.environ.get("GATE_STEPS", ""):
        print(f"{version} is the newest supported Python, and the step `tests` runs on it")
        return 0
    return run_tests(python, read_extras(), [])


if __name__ == "__main__":
    sys.exit(run_lowest() if sys.argv[1:] == ["lowest"] else run_newest())
