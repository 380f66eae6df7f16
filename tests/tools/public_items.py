"""The public API as its docstrings describe it: classes, functions, constants, methods, fields, parameters.

It is read from the sources, by griffe; nothing is imported. The derived sync half is left out: its docstrings are those
of the async half.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import griffe

from tests.kit.public_api import public_objects, resolved

_OWN_ARGUMENTS: Final = ("self", "cls")
_PARAMETERS: Final = griffe.DocstringSectionKind.parameters
_ATTRIBUTES: Final = griffe.DocstringSectionKind.attributes
_RESULTS: Final = (griffe.DocstringSectionKind.returns, griffe.DocstringSectionKind.yields)
_RAISES: Final = griffe.DocstringSectionKind.raises


class Item:
    """One public object, and what its docstring says of it.

    Args:
        name: The name under which users reach it, such as `fibonacci.AsyncFibonacci.workflows.run`.
        found: The object.
        owner: The class that it was found in; None for none.
    """

    def __init__(self, name: str, found: griffe.Object, owner: Item | None = None) -> None:
        self.name: Final = name
        self.found: Final = found
        self.owner: Final = owner

    @property
    def is_class(self) -> bool:
        """Whether it is a class."""
        return isinstance(self.found, griffe.Class)

    @property
    def is_group(self) -> bool:
        """Whether it is a group of calls, such as the class of `client.workflows`."""
        return any(each.found.name == "AsyncResource" for each in self.bases)

    @property
    def is_model(self) -> bool:
        """Whether it is a model of something that the platform sends."""
        return any(each.found.name == "Model" for each in self.bases)

    @property
    def is_function(self) -> bool:
        """Whether it is called: a function or a method, no property and no group of calls."""
        decorators = {str(each.value) for each in getattr(self.found, "decorators", ())}
        return isinstance(self.found, griffe.Function) and not decorators & {"namespace", "once"}

    @property
    def is_field(self) -> bool:
        """Whether it is read from an object: a field, a property or a group of calls."""
        return self.owner is not None and not self.is_function and not self.is_class

    @cached_property
    def text(self) -> str:
        """The docstring; that of a field may stand among the `Attributes:` of its class."""
        if self.found.docstring is not None:
            return self.found.docstring.value
        return self.owner.attributes.get(self.found.name, "") if self.is_field and self.owner else ""

    @property
    def bases(self) -> list[Item]:
        """The classes of the package that it inherits from, the nearest first."""
        try:
            found = self.found.mro() if isinstance(self.found, griffe.Class) else []
        except (ValueError, griffe.AliasResolutionError):
            return []
        return [Item(each.path, each) for each in found if each.package is self.found.package]

    @property
    def summary(self) -> str:
        """The first paragraph, on one line."""
        return " ".join(self.text.split("\n\n")[0].split())

    @cached_property
    def sections(self) -> list[griffe.DocstringSection]:
        """The parts of the docstring, and of the constructor's."""
        constructor = self.found.members.get("__init__") if self.is_class else None
        docstrings = [each.docstring for each in (self.found, constructor) if each is not None and each.docstring]
        return [part for each in docstrings for part in griffe.parse_google(each, **_OPTIONS)]

    def described(self, kind: griffe.DocstringSectionKind) -> dict[str, str]:
        """Return the descriptions in the sections of a kind, by name."""
        parts = [part.value for part in self.sections if part.kind is kind]
        return {str(_key(each)).lstrip("*"): " ".join(each.description.split()) for part in parts for each in part}

    @property
    def attributes(self) -> dict[str, str]:
        """The fields in `Attributes:`, by name, also those of the bases."""
        inherited = [each.described(_ATTRIBUTES) for each in reversed(self.bases)]
        return {name: text for part in (*inherited, self.described(_ATTRIBUTES)) for name, text in part.items()}

    @property
    def arguments(self) -> dict[str, str]:
        """The parameters in `Args:`, by name."""
        return self.described(_PARAMETERS)

    @property
    def raises(self) -> dict[str, str]:
        """The exceptions in `Raises:`, by name."""
        return self.described(_RAISES)

    @property
    def returned(self) -> list[tuple[str, str]]:
        """The types and texts of `Returns:` or `Yields:`; empty without either.

        The type is that of the annotation, unless the text begins with another and a colon.
        """
        parts = [part.value for part in self.sections if part.kind in _RESULTS]
        return [(str(each.annotation), " ".join(each.description.split())) for part in parts for each in part]

    @property
    def has_example(self) -> bool:
        """Whether there is an example that the tests run."""
        return bool(re.search(r"^ *Example:\n+ *(```python\n|>>> )", self.text, re.MULTILINE))

    @property
    def parameters(self) -> dict[str, str]:
        """The annotations of the parameters, by name; of a class, those of its constructor."""
        if not isinstance(self.found, griffe.Function | griffe.Class):
            return {}
        return {
            each.name.lstrip("*"): str(each.annotation or "")
            for each in self.found.parameters
            if each.name not in _OWN_ARGUMENTS
        }

    @property
    def defaults(self) -> dict[str, str]:
        """The defaults of the parameters as they are written, by name."""
        found = self.found.parameters if isinstance(self.found, griffe.Function | griffe.Class) else ()
        return {each.name: str(each.default) for each in found if each.default is not None}

    @property
    def annotation(self) -> str:
        """The type of a field or of what a function returns."""
        found: Any = self.found
        kind = found.returns if isinstance(found, griffe.Function) else getattr(found, "annotation", None)
        return str(kind or "")

    def members(self) -> Iterator[Item]:
        """Yield the public members, inherited ones too."""
        if isinstance(self.found, griffe.Class):
            for name, member in self.found.all_members.items():
                target = resolved(member)
                if not name.startswith("_") and name != "model_config" and target is not None:
                    yield Item(f"{self.name}.{name}", target, self)


_OPTIONS: Final[dict[str, Any]] = {
    "warnings": False,
    "returns_named_value": False,
    "returns_multiple_items": False,
}


def public_items(root: Path) -> list[Item]:
    """Return the public objects of a source tree, each once, and their members."""
    found = public_objects(root)
    items = [Item(name, each) for name, each in found.items()]
    return list(each_once(items))


def each_once(items: list[Item]) -> Iterator[Item]:
    """Yield items and their members, each under the first of its names, without the derived half."""
    seen: set[str] = set()
    for item in items:
        for each in (item, *item.members()):
            path = each.found.path
            if path not in seen and "._sync." not in path and not isinstance(each.found, griffe.Module):
                seen.add(path)
                yield each


def _key(described: Any) -> str:
    return str(getattr(described, "name", None) or described.annotation)
