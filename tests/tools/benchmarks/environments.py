"""A virtual environment for the SDK and one for each peer, kept between runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.tools.benchmarks.processes import clean_environment

ROOT = Path(__file__).parents[3]

#: What pip installs for each subject that has an environment of its own.
PACKAGES = {
    "aiohttp": ["aiohttp"],
    "openai": ["openai"],
    "openai-aiohttp": ["openai[aiohttp]"],
    "anthropic": ["anthropic"],
    "openai-command": ["openai<2.1"],  # the current ones have no command
}


def default_home() -> Path:
    """Where the environments are kept when nothing else is said."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "fibonacci-sdk-benchmarks" / f"python{sys.version_info.major}.{sys.version_info.minor}"


class Environments:
    """The environments under one directory.

    Args:
        home: The directory; it is made when it is not there.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._ready: dict[str, Path] = {}

    def python(self, name: str) -> Path:
        """Return the interpreter of an environment, which is made at the first call.

        The SDK is installed anew, as it is now, and as a user has it: from a wheel, with its bytecode compiled.

        Raises:
            RuntimeError: If its packages cannot be installed.
        """
        if name not in self._ready:
            self._ready[name] = self._sdk() if name == "sdk" else self._made(name, PACKAGES[name])
        return self._ready[name]

    def is_ready(self, name: str) -> bool:
        """Whether an environment has been asked for."""
        return name in self._ready

    def versions(self, name: str) -> dict[str, str]:
        """Return the version of each package in an environment."""
        code = "from importlib.metadata import distributions as d; [print(x.metadata['Name'], x.version) for x in d()]"
        lines = subprocess.check_output([self.python(name), "-c", code], text=True, env=clean_environment())
        return dict(sorted(line.split() for line in lines.splitlines()))

    def _sdk(self) -> Path:
        python = self._made("sdk", ["httpx", "pydantic", "tenacity", "typing-extensions"])
        _pip(python, "--force-reinstall", "--no-deps", str(ROOT))
        _pip(python, str(ROOT))
        return python

    def _made(self, name: str, packages: list[str]) -> Path:
        place = self._home / name
        python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        done = place / "packages.txt"
        if not done.exists() or done.read_text("utf-8") != " ".join(packages):
            print(f"  making the environment of {name} ...", file=sys.stderr, flush=True)
            shutil.rmtree(place, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, env=clean_environment())
            _pip(python, *packages)
            done.write_text(" ".join(packages), "utf-8")
        return python


def _pip(python: Path, *arguments: str) -> None:
    # What pip needs to reach its index is kept; bytecode is compiled, whatever the shell says.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    command: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["pip failed"])[-1])
