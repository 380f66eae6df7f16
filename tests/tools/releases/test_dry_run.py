"""What is published is built from pinned requirements alone, on two runners, and both have to build the same."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from tests.kit.systems import needs_shell
from tests.tools.releases.dry_run import JOBS, run_job
from tests.tools.releases.project import ROOT

WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))
REQUIREMENTS = [
    line
    for line in (ROOT / ".ci" / "build-requirements.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


def test_each_build_requirement_is_one_version_with_its_hash() -> None:
    assert [line for line in REQUIREMENTS if not re.fullmatch(r"[\w-]+==[\w.]+ --hash=sha256:[0-9a-f]{64}", line)] == []
    pinned = {line.partition("==")[0]: line.partition("==")[2].partition(" ")[0] for line in REQUIREMENTS}
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    for requirement in map(Requirement, [*needed, "build>=1.3"]):
        assert requirement.specifier.contains(pinned[requirement.name])


def test_each_package_of_npm_has_its_hash_and_no_address() -> None:
    declared = json.loads((ROOT / ".ci" / "package.json").read_text("utf-8"))["dependencies"]
    packages: dict[str, Any] = json.loads((ROOT / ".ci" / "package-lock.json").read_text("utf-8"))["packages"]
    assert packages.pop("")["dependencies"] == declared
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []


@pytest.mark.parametrize("name", JOBS)
def test_a_job_that_builds_installs_nothing_else(name: str) -> None:
    commands = "\n".join(step.get("run", "") for step in WORKFLOW["jobs"][name]["steps"])
    install = "python -m pip install --require-hashes --no-deps --requirement .ci/build-requirements.txt"
    assert re.findall(r".*\b(?:pip|uv|npm|npx|apt|apt-get|curl|run)\b.*", commands) == [install]


def test_nothing_is_published_before_the_gate_and_both_builds() -> None:
    jobs = WORKFLOW["jobs"]
    assert jobs["publish"]["needs"] == ["gate", "rebuild"]
    assert jobs["rebuild"]["needs"] == "build"


@needs_shell
@pytest.mark.parametrize("text", ["as before", "other"])
def test_a_build_that_differs_fails(text: str, tmp_path: Path) -> None:
    compare = next(step for step in WORKFLOW["jobs"]["rebuild"]["steps"] if step.get("name") == "Compare")
    download = {"uses": "actions/download-artifact@1", "with": {"name": "distributions", "path": "dist/"}}
    for folder, content in (("artifacts/distributions", "as before"), ("runner/again", text)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.whl").write_text(content)
    job = {"steps": [download, compare]}

    with pytest.raises(subprocess.CalledProcessError) if text == "other" else nullcontext():
        run_job(job, tmp_path, "v1.0.0", tmp_path / "runner", tmp_path / "artifacts")


def test_an_action_that_is_unknown_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="owner/action@1"):
        run_job({"steps": [{"uses": "owner/action@1"}]}, tmp_path, "v1.0.0", tmp_path, tmp_path)
