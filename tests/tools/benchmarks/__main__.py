"""Measure the SDK beside its peers.

    python -m tests.tools.benchmarks                              the quick profile, under three minutes
    python -m tests.tools.benchmarks --full                       more runs, and every peer everywhere
    python -m tests.tools.benchmarks --only call --only cold      some measurements

The peers are installed into environments of their own, once; `--envs` says where they are kept.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from tests.tools.benchmarks.bench import Bench
from tests.tools.benchmarks.environments import PACKAGES, Environments, default_home
from tests.tools.benchmarks.measurements import MEASUREMENTS
from tests.tools.benchmarks.processes import serve
from tests.tools.benchmarks.report import as_markdown

if TYPE_CHECKING:
    from tests.tools.benchmarks.figures import FigureRow


def main() -> None:
    options = _options()
    environments = Environments(options.envs)
    _allow_connections()
    rows: list[FigureRow] = []
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        here = Path(directory)
        certificate, authority = _certificates(here, environments.python("sdk"))
        bench = Bench(
            environments,
            url=f"http://127.0.0.1:{stack.enter_context(serve(sys.executable))}",
            tls_url=f"https://localhost:{stack.enter_context(serve(sys.executable, str(certificate)))}",
            authority=authority,
            full=options.full,
        )
        for name in options.only or MEASUREMENTS:
            began = time.monotonic()
            rows += MEASUREMENTS[name](bench)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    command = _command(options)
    versions = _versions(environments)
    print(as_markdown(rows, versions, command))


class Options(argparse.Namespace):
    """What the command line says."""

    full: bool
    only: list[str]
    envs: Path


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.benchmarks", description=__doc__, allow_abbrev=False)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--full", action="store_true", help="more runs, and every peer everywhere")
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, help="a measurement; may be repeated")
    parser.add_argument("--envs", type=Path, default=default_home(), help="where the environments are kept")
    return parser.parse_args(namespace=Options())


def _command(options: Options) -> str:
    """Return the command that reproduces these tables, without the paths of this machine."""
    full = ["--full"] if options.full else []
    return " ".join(["python -m tests.tools.benchmarks", *full, *(f"--only {name}" for name in options.only or ())])


def _allow_connections() -> None:
    """Let this process and those that it starts have as many files open as 1,000 calls at once need."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))


def _certificates(here: Path, python: Path) -> tuple[Path, Path]:
    """Return the server's certificate with its key, and a bundle of what httpx trusts and of its issuer."""
    authority = trustme.CA()
    usual = subprocess.check_output([python, "-m", "certifi"], text=True).strip()
    certificate, trusted = here / "server.pem", here / "trusted.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    trusted.write_bytes(Path(usual).read_bytes() + authority.cert_pem.bytes())
    return certificate, trusted


def _versions(environments: Environments) -> dict[str, str]:
    sdk = environments.versions("sdk")
    found = {name: sdk[name] for name in ("fibonacci-sdk", "httpx", "httpcore", "pydantic")}
    for name in PACKAGES:
        if environments.is_ready(name):
            subject = name.removesuffix("-aiohttp").removesuffix("-async")  # a command may be of another version
            found[subject] = environments.versions(name)[subject.removesuffix("-command")]
    return found


if __name__ == "__main__":
    main()
