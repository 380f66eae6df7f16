"""Lazy attributes and lazy imports, so that importing the package costs next to nothing."""

TYPE_CHECKING = False  # typing would take longer to import than the package does
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    once = property
    namespace = property
else:

    class once(property):  # noqa: N801  (type checkers take it for a property)
        """A property that is computed once for each object, and kept in the object's `_once`.

        It replaces `functools.cached_property`, which type checkers don't accept where a protocol has a read-only
        property.
        """

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            values, name = instance.__dict__.setdefault("_once", {}), self.fget.__name__
            if name not in values:
                values[name] = self.fget(instance)
            return values[name]

    class namespace(once):  # noqa: N801
        """A group of calls, such as `client.workflows`.

        On the class it is the group's class, so that `unittest.mock.create_autospec` and `help` find its methods.
        """

        _requestor = None  # so that it stands for a client

        def __get__(self, instance, owner=None):
            return type(self.fget(self)) if instance is None else super().__get__(instance, owner)


def lazy_names(
    module: "dict[str, Any]",
    public: "Mapping[str, Iterable[str]]",
    *,
    modules: "Iterable[str]" = (),
    migration: "str | None" = None,
) -> None:
    """Give a module its public names, each imported on first use (PEP 562).

    It sets `__all__`, `__dir__` and `__getattr__`. Type checkers read the names in the module's stub, which
    `tests/tools/stubs.py` derives from the same table.

    Args:
        module: The `globals()` of the module.
        public: The public names of each module that they are defined in.
        modules: The public modules in it, which are attributes too. A star import doesn't bring them: their names, such
            as `models`, are likely names of a program's variables.
        migration: The module whose `missing_name(module, name)` returns the error for a name of an earlier version.
    """
    homes = {name: home for home, names in public.items() for name in names}
    names = sorted([*homes, *(["__version__"] if "__version__" in module else [])])
    everything = sorted([*names, *modules])

    def get(name: str) -> "Any":
        if name in homes:
            module[name] = getattr(__import__(homes[name], fromlist=[name]), name)
        elif name in modules:
            __import__(f"{module['__name__']}.{name}")  # sets the attribute
        elif migration is not None:
            raise __import__(migration, fromlist=["missing_name"]).missing_name(module["__name__"], name)
        else:
            raise AttributeError(f"module {module['__name__']!r} has no attribute {name!r}", name=name)
        return module[name]

    module["__all__"] = names
    module["__dir__"] = lambda: everything
    module["__getattr__"] = get
