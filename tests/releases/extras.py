"""Use the installed package without extras, and with each extra alone.

python -m tests.releases.extras WHEEL

Without extras it is installed into an environment of its own. With an extra, the environment of this interpreter has to
have all of them; a finder refuses the packages that the extra does not bring.
"""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from packaging.requirements import Requirement

PACKAGE: Final = "fibonacci-sdk"
SMOKE: Final = Path(__file__).with_name("smoke.py")
USES: Final = {
    "arrow": "client.workflows.list().to_arrow()",
    "brotli": "client.health.check()",
    "http2": "import h2; client.with_options().health.check()",
    "httpx2": "import httpx2; Fibonacci('k' * 20, http_client=httpx2.Client()).close()",
    "machine": "Fibonacci(emulator.api_key, base_url=emulator.base_url, rate_limiter='machine').health.check()",
    "otel": "from fibonacci.integrations import opentelemetry",
    "pandas": "client.workflows.list().to_pandas()",
    "polars": "client.workflows.list().to_polars()",
    "progress": "import tqdm; client.workflows.run_many(workflow.id, [{}], progress=True).results()",
    "redis": "Fibonacci(emulator.api_key, rate_limiter='redis://127.0.0.1:1/0').close()",
    "socks": "import socksio; client.health.check()",
    "yaml": "from fibonacci.definitions import load_yaml; load_yaml('nodes: [{id: a, type: llm, instruction: b}]')",
}
"""What each extra is for, in an expression that needs it. The clients are of the emulator."""

_PROGRAM: Final = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"{{name}} is not in this extra", name=name)
sys.meta_path.insert(0, Refuse())
from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
with Emulator() as emulator, Fibonacci(emulator.api_key, base_url=emulator.base_url) as client:
    workflow = client.workflows.create(name="A", definition={{"nodes": [{{"id": "a", "type": "llm", "instruction": "b"}}]}})
    {use}
"""


def extras() -> list[str]:
    """Return the extras for users: those of a developer bring tools."""
    return sorted({*distribution(PACKAGE).metadata.get_all("Provides-Extra", [])} - {"lint", "test"})


def brought_by(extra: str | None) -> set[str]:
    """Return the names of the distributions that the package brings, with an extra or without."""
    found, waiting = set[str](), [(PACKAGE, extra or "")]
    while waiting:
        name, active = waiting.pop()
        if (name, active) in found:
            continue
        found.add((name, active))
        for text in _requirements(name):
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": active}):
                waiting += [(_normal(needed.name), each) for each in needed.extras or {""}]
                waiting.append((_normal(needed.name), ""))
    return {name for name, _ in found}


def refused_modules(extra: str | None) -> set[str]:
    """Return the modules of this environment that an extra does not bring."""
    brought = brought_by(extra)
    return {module for module, names in packages_distributions().items() if not {*map(_normal, names)} & brought}


def _requirements(name: str) -> list[str]:
    try:
        return distribution(name).requires or []
    except PackageNotFoundError:  # of another platform
        return []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _use_bare(wheel: str) -> None:
    with TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "Scripts" if sys.platform == "win32" else "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "-q", wheel], check=True)
        # Elsewhere, where no source tree can stand in for the installed package.
        subprocess.run([python, "-W", "error", SMOKE], check=True, cwd=folder)


def main() -> int:
    """Use all of them; return the exit code."""
    _use_bare(sys.argv[1])
    failed: list[str] = []
    with TemporaryDirectory() as folder:
        for extra in extras():
            program = _PROGRAM.format(refused=refused_modules(extra), use=USES.get(extra, "raise SystemExit('no use')"))
            if subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=folder).returncode:
                failed.append(extra)
    print(f"{len(extras())} extras alone: {'all work' if not failed else ', '.join(failed) + ' failed'}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
