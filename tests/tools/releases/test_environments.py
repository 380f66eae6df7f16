"""The environments of a release: supported versions of Python, lowest versions of dependencies, each extra alone."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.tools.releases.environments import TESTS
from tests.tools.releases.extra_uses import USES, RefusedModules
from tests.tools.releases.extras import needed_by, refused_modules
from tests.tools.releases.project import ROOT, lowest_versions, read_extras, read_project, supported_pythons

INSTALLED = {
    "sdk": ["core>=1", "Part_One>=1; extra == 'one'", "core[fast]>=1; extra == 'two'", "gone; python_version < '3'"],
    "core": ["quick; extra == 'fast'"],
    "part-one": ["core"],
}


def test_the_gate_installs_extras_that_exist() -> None:  # uv only warns of one that does not
    asked = re.findall(r"'?\.\[([\w,-]+)\]'?", (ROOT / ".ci" / "run").read_text("utf-8"))
    assert asked
    assert {name for names in asked for name in names.split(",")} <= read_project()["optional-dependencies"].keys()


def test_the_policy_and_ci_have_the_supported_pythons() -> None:
    policy = (ROOT / "docs" / "reference" / "support-policy.md").read_text("utf-8")
    assert re.findall(r"^\| (3\.\d+) \|", policy, re.MULTILINE) == supported_pythons()
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"]
    oldest, *others = supported_pythons()
    (python,) = [step["with"] for step in jobs["gate"]["steps"] if "setup-python" in step.get("uses", "")]
    assert python["python-version"].split()[-1] == oldest, "the gate runs on the last one"
    assert jobs["pythons"]["strategy"]["matrix"]["python"] == others
    assert read_project()["requires-python"] == f">={supported_pythons()[0]}"


def test_every_dependency_has_a_lowest_version() -> None:
    names = {each.partition("==")[0] for each in lowest_versions()}
    assert {"httpx", "pydantic", "tenacity", "typing-extensions", "filelock"} <= names


def test_every_dependency_has_tests_in_other_environments() -> None:
    needed = [*read_project()["dependencies"], *(each for extra in read_extras().values() for each in extra)]
    assert sorted(TESTS) == sorted({"python", *(re.split("[<>=]", each)[0] for each in needed)})
    assert [path for paths in TESTS.values() for path in paths if not (ROOT / path).is_file()] == []


def test_every_extra_has_a_use() -> None:
    assert sorted(USES) == sorted(read_extras())


@pytest.mark.parametrize(
    ("requirement", "names"),
    [
        ("sdk", {"sdk", "core"}),
        ("sdk[one]", {"sdk", "core", "part-one"}),
        ("sdk[two]", {"sdk", "core", "quick"}),
        ("sdk[one,two]", {"sdk", "core", "part-one", "quick"}),
    ],
)
def test_what_an_extra_brings(requirement: str, names: set[str]) -> None:
    assert needed_by(requirement, INSTALLED) == names


def test_modules_are_refused_that_nothing_needed_brings() -> None:
    homes = {"httpx": ["HTTPX"], "shared": ["other", "pydantic_core"], "yaml": ["PyYAML"], "other": ["other"]}
    assert refused_modules("fibonacci-sdk", homes) == ["other", "yaml"]
    assert refused_modules("fibonacci-sdk[yaml]", homes) == ["other"]


def test_a_module_is_refused_as_if_it_were_not_there() -> None:
    finder = RefusedModules(["yaml"])
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'yaml\.nodes'$") as refused:
        finder.find_spec("yaml.nodes", None, None)
    assert refused.value.name == "yaml.nodes"
    assert finder.find_spec("yamllint", None, None) is None
