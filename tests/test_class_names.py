"""No two classes have one name: neither in the package nor in its tests, nor one in each."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_each_class_has_a_name_of_its_own() -> None:
    places: defaultdict[str, dict[str, Path]] = defaultdict(dict)
    for path in [*ROOT.glob("fibonacci/**/*.py"), *ROOT.glob("tests/**/*.py")]:
        # A class of `_async` without anything async has the same name in the half that is derived from it.
        place = path.relative_to(ROOT).as_posix().replace("/_sync/", "/_async/")
        for name in re.findall(r"^class (\w+)", path.read_text("utf-8"), re.MULTILINE):
            if not name.startswith("Test"):
                places[name][place] = path
    assert len(places) > 500
    repeated = {name: found for name, found in places.items() if len(found) > 1}
    # Parsing takes long, so only files of names that occur twice are: there, a name may be in a text.
    classes = {
        name: [place for place, path in found.items() if name in classes_of(path)] for name, found in repeated.items()
    }
    assert {name: found for name, found in classes.items() if len(found) > 1} == {}


@cache
def classes_of(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)}
