"""No two classes have one name: neither in the package nor in its tests, nor one in each."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_each_class_has_a_name_of_its_own() -> None:
    places: defaultdict[str, set[str]] = defaultdict(set)
    for path in [*ROOT.glob("fibonacci/**/*.py"), *ROOT.glob("tests/**/*.py")]:
        # A class of `_async` without anything async has the same name in the half that is derived from it.
        place = path.relative_to(ROOT).as_posix().replace("/_sync/", "/_async/")
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("Test"):
                places[node.name].add(place)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
