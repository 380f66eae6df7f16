"""Whoever follows a recipe of CONTRIBUTING gets there, and is told what they have forgotten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.kit.assertions import each_row
from tests.kit.programs import find
from tests.tools.recipes import PATCHES, RECIPES, RecipePatch, has_row, rows_of, run
from tests.tools.releases.project import ROOT, copy_files


def test_each_change_follows_a_recipe() -> None:
    assert {path.stem for path in PATCHES.glob("*.patch")} == set(RECIPES)


@each_row("name", RECIPES)
def test_the_recipe_names_the_files_of_its_change_which_are_few(name: str) -> None:
    find("git")
    rows = rows_of(RECIPES[name].section)
    files = RecipePatch(name).files
    assert [file for file in files if not has_row(file, rows)] == []
    assert len(files) <= RECIPES[name].most
    RecipePatch(name).apply(ROOT, "--check")


@each_row("name", RECIPES)
def test_the_tests_exist_that_find_what_is_forgotten(name: str) -> None:
    named = " ".join((*RECIPES[name].found_by, RECIPES[name].finding))
    patch = (PATCHES / f"{name}.patch").read_text("utf-8")
    for path in re.findall(r"tests/[\w/]+\.py", named):
        text = patch if f"+++ b/{path}" in patch else ""
        text += (ROOT / path).read_text("utf-8") if (ROOT / path).exists() else ""
        assert [test for test in re.findall(r"::(test_\w+)", named) if f"def {test}(" not in text] == []


# short: that of an option
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "option" else pytest.mark.nightly) for name in RECIPES]
)
def test_what_is_forgotten_is_found(name: str, tmp_path: Path) -> None:
    recipe = RECIPES[name]
    copy_files(tmp_path)
    RecipePatch(name).apply(tmp_path, f"--exclude={recipe.forgotten}")
    checked = run(tmp_path, *recipe.found_by)
    assert re.search(recipe.finding, checked.stdout), checked.stdout
