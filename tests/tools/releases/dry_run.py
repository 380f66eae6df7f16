"""Try the jobs of the release workflow that build, as they are written, on a tag that is made for this.

python -m tests.tools.releases.dry_run FOLDER

Each job has a clone and a virtual environment, as each has a runner. A step that uses an action does what the action
does, and the others run in bash. FOLDER gets what the workflow would publish.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from tests.tools.releases.project import ROOT, copy_files, read_version

JOBS: Final = ("build", "rebuild")
_PERSON: Final = ("-c", "user.name=Release", "-c", "user.email=release@example.com")


def make_release(folder: Path) -> str:
    """Make a repository with the files of this checkout, and tag them as the release that they prepare.

    Args:
        folder: Where to make it.

    Returns:
        The tag.
    """
    copy_files(folder)
    version = read_version()
    release = version.partition(".dev")[0]
    _replace(folder / "fibonacci" / "__init__.py", f'"{version}"', f'"{release}"')
    _replace(folder / "CHANGELOG.md", f"## {release} (unreleased)", f"## {release} (2027-01-31)")
    for command in (["init", "--quiet"], ["add", "--all"], [*_PERSON, "commit", "--quiet", "--message", "Release"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    subprocess.run(["git", "tag", f"v{release}"], cwd=folder, check=True)
    return f"v{release}"


def _replace(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")


def run_job(job: Mapping[str, Any], repository: Path, tag: str, runner: Path, artifacts: Path) -> None:
    """Run the steps of a job.

    Args:
        job: The job, as the workflow has it.
        repository: The repository.
        tag: The tag that the workflow runs for.
        runner: A folder for the clone, which is made.
        artifacts: The folder of the artifacts of all jobs.

    Raises:
        ValueError: If a step uses an action that is unknown here.
        subprocess.CalledProcessError: If a step fails.
    """
    environment = {**os.environ, "GITHUB_REF_NAME": tag}
    for step in job["steps"]:
        action = re.match(r"[\w-]+/([\w-]+)@", step.get("uses", ""))
        options = step.get("with", {})
        if action is None:
            subprocess.run(["bash", "-eo", "pipefail", "-c", step["run"]], cwd=runner, env=environment, check=True)
        elif action[1] == "checkout":
            clone = ["clone", "--quiet", "--branch", tag, str(repository), str(runner)]
            subprocess.run(["git", "-c", "advice.detachedHead=false", *clone], check=True)
        elif action[1] == "setup-python":
            for command in (["venv", "--python", sys.executable], ["pip", "install", "pip", "--python"]):
                # A tenth of what `python -m venv` takes.
                subprocess.run([sys.executable, "-m", "uv", "--quiet", *command, str(runner / ".venv")], check=True)
            environment["PATH"] = f"{runner / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        elif action[1] == "upload-artifact":
            shutil.copytree(runner / options["path"], artifacts / options["name"])
        elif action[1] == "download-artifact":
            shutil.copytree(artifacts / options["name"], runner / options["path"])
        else:
            raise ValueError(f"what {step['uses']} does is not known here")


def main() -> None:
    """Run the jobs."""
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))["jobs"]
    with TemporaryDirectory() as folder:
        place = Path(folder)
        tag = make_release(place / "repository")
        for name in JOBS:
            run_job(jobs[name], place / "repository", tag, place / name, place / "artifacts")
        shutil.copytree(place / "artifacts" / "distributions", sys.argv[1])


if __name__ == "__main__":
    main()
