"""The tree on docs/reference/errors.md is the tree of fibonacci.errors, and the page has every attribute."""

from __future__ import annotations

import inspect
import re

from fibonacci import errors
from tests.tools.markdown import ROOT, blocks_of

PAGE = ROOT / "docs" / "reference" / "errors.md"
TREE = next(block.code for block in blocks_of(PAGE) if block.language == "text")
CLASSES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, errors.FibonacciError) and value.__module__ == errors.__name__
]


def parents(tree: str) -> dict[str, str]:
    """Return the parent of each class in a drawn tree, by the depth of its name; that of the root is empty."""
    found: dict[str, str] = {}
    path: list[str] = []
    for line in tree.splitlines():
        name = re.search(r"\w+", line)
        assert name is not None
        del path[name.start() // 4 :]
        found[name[0]] = path[-1] if path else ""
        path.append(name[0])
    return found


def test_the_tree_has_each_class_below_its_parent() -> None:
    drawn = parents(TREE)
    assert drawn.pop("FibonacciError") == ""
    assert drawn == {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES if cls is not errors.FibonacciError}


def test_every_attribute_stands_on_the_page() -> None:
    properties = {cls: [name for name, value in vars(cls).items() if isinstance(value, property)] for cls in CLASSES}
    names = {cls: [*inspect.get_annotations(cls), *properties[cls]] for cls in CLASSES}
    attributes = {f"{cls.__name__}.{name}" for cls in CLASSES for name in names[cls] if not name.startswith("_")}
    page = PAGE.read_text("utf-8")
    assert {name for name in attributes if f"`{name.rpartition('.')[2]}`" not in page} == set()
