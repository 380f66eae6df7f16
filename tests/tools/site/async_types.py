"""What the async half of the package has in place of each sync class and call: `tests.tools.mirror` names the pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import griffe

from tests.kit.public_api import is_group, resolved
from tests.tools.mirror import sync_name
from tests.tools.site.api.names import PublicNames

_SYNC: Final = "fibonacci._sync."
_ASYNC: Final = "fibonacci._async."


@dataclass(frozen=True)
class ClassName:
    """A class that a page has imported."""

    of: griffe.Class
    module: str
    """The module that it was imported from."""


@dataclass(frozen=True)
class InstanceType:
    """An object of a class of the package."""

    of: griffe.Class


@dataclass(frozen=True)
class Method:
    """A method of an object."""

    owner: InstanceType
    function: griffe.Function


@dataclass(frozen=True)
class AsyncIterable:
    """An iterator that is an async one on the async client, such as that of `executions.watch`."""


@dataclass(frozen=True)
class AsyncFunction:
    """A function of a page that has become async."""


@dataclass(frozen=True)
class SyncOnly:
    """What a block binds that has no async half; nobody who reads the async text has it."""


Type: TypeAlias = ClassName | InstanceType | Method | AsyncIterable | AsyncFunction | SyncOnly | None
"""What is known of a value; None for what is the same in both halves."""


@dataclass(frozen=True)
class Pairs:
    """The pairs of sync and async classes."""

    names: PublicNames

    def imported(self, module: str, name: str) -> Type:
        """Return what a name of a module of the package stands for."""
        entry = self.names.find(f"{module}.{name}")
        return ClassName(entry.target, module) if entry is not None and isinstance(entry.target, griffe.Class) else None

    def async_class(self, of: griffe.Class) -> griffe.Class | None:
        """Return the async class in place of a sync one; None for a class that is the same in both halves."""
        if not of.path.startswith(_SYNC):
            return None
        home = self.names.package[of.module.path.replace(_SYNC, _ASYNC).removeprefix("fibonacci.")]
        found = (each for name, each in home.members.items() if name != of.name and sync_name(name) == of.name)
        return next((each for each in found if isinstance(each, griffe.Class)), None)

    def async_member(self, owner: griffe.Class, name: str) -> griffe.Object | None:
        """Return the member of the async class in place of one of a sync class."""
        counterpart = self.async_class(owner)
        if counterpart is None:
            return None
        return next((each for each in members(counterpart) if sync_name(each.name) == name), None)

    def is_paired(self, value: Type) -> bool:
        """Whether a value is another one in the async half, so that it cannot be passed on without a change."""
        if isinstance(value, ClassName | InstanceType):
            return self.async_class(value.of) is not None
        return value is not None and not (isinstance(value, Method) and not self.is_paired(value.owner))

    def is_iterated(self, value: Type) -> bool:
        """Whether a value is iterated with `async for` in the async half."""
        if isinstance(value, InstanceType):
            return self.async_member(value.of, "__iter__") is not None
        return isinstance(value, AsyncIterable)

    def is_entered(self, value: Type) -> bool:
        """Whether a value is managed by `async with` in the async half."""
        return isinstance(value, InstanceType) and self.async_member(value.of, "__enter__") is not None

    def attribute(self, owner: InstanceType, name: str) -> Type:
        """Return what an attribute of an object is."""
        found = next((each for each in members(owner.of) if each.name == name), None)
        if isinstance(found, griffe.Function) and not is_group(found):
            return Method(owner, found)
        annotation = getattr(found, "returns" if isinstance(found, griffe.Function) else "annotation", None)
        return self.of_annotation(annotation, owner)

    def result(self, method: Method) -> Type:
        """Return what a method returns, before it is awaited or iterated."""
        counterpart = self.async_member(method.owner.of, method.function.name)
        if isinstance(counterpart, griffe.Function) and "AsyncIterator" in str(counterpart.returns):
            return AsyncIterable()
        return self.of_annotation(method.function.returns, method.owner)

    def entered(self, manager: InstanceType) -> Type:
        """Return what `with` binds for a manager."""
        enter = next((each for each in members(manager.of) if each.name == "__enter__"), None)
        return self.of_annotation(enter.returns, manager) if isinstance(enter, griffe.Function) else None

    def of_annotation(self, annotation: str | griffe.Expr | None, owner: InstanceType | None = None) -> Type:
        """Return what an annotation stands for.

        Args:
            annotation: The annotation.
            owner: What `Self` is in it.
        """
        if isinstance(annotation, griffe.ExprBinOp):
            sides = [self.of_annotation(each, owner) for each in (annotation.left, annotation.right)]
            return next((each for each in sides if each is not None), None)
        if isinstance(annotation, griffe.ExprSubscript):
            annotation = annotation.left
        if not isinstance(annotation, griffe.ExprName | griffe.ExprAttribute):
            return None
        if str(annotation) == "Self":
            return owner
        entry = self.names.find(annotation.canonical_path)
        target = entry.target if entry is not None else self._of_path(annotation.canonical_path)
        return InstanceType(target) if isinstance(target, griffe.Class) else None

    def _of_path(self, path: str) -> griffe.Object | None:
        try:
            return resolved(self.names.package[path.removeprefix("fibonacci.")])
        except KeyError:
            return None


def members(of: griffe.Class) -> Iterator[griffe.Object]:
    """Yield the members of a class and of its bases."""
    for each in (of, *of.mro()):
        yield from (found for member in each.members.values() if (found := resolved(member)) is not None)
