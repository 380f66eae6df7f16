"""Lazy attributes and lazy imports, so that importing the package costs next to nothing."""

TYPE_CHECKING = False  # typing would take longer to import than the package does
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    once = property
    namespace = property
else:

    class once(property):  # noqa: N801  (type checkers take it for a property)
        """A property that is computed once for each object.

        It replaces `functools.cached_property`, which type checkers don't accept where a protocol has a read-only
        property.
        """

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            values, name = instance.__dict__, self.fget.__name__
            if name not in values:
                values[name] = self.fget(instance)
            return values[name]

    class namespace(once):  # noqa: N801
        """A group of calls, such as `client.workflows`.

        On the class it is the group's class, so that `unittest.mock.create_autospec` and `help` find its methods.
        """

        def __get__(self, instance, owner=None):
            if instance is None:
                return type(self.fget(_NoClient))
            return super().__get__(instance, owner)

    class _NoClient:
        _requestor = None


def state_of(instance: object) -> "dict[str, Any]":
    """Return the attributes of an object without those that `once` and `namespace` have computed."""
    classes = type(instance).__mro__
    attributes = vars(instance).copy()  # at once: another thread may use a namespace for the first time meanwhile
    return {
        name: value
        for name, value in attributes.items()
        if not any(isinstance(vars(cls).get(name), property) for cls in classes)
    }


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
        migration: The module whose `renamed(name)` names the replacement of a name of an earlier version.
    """
    homes = {name: home for home, names in public.items() for name in names}
    names = sorted([*homes, *(["__version__"] if "__version__" in module else [])])
    everything = sorted([*names, *modules])

    def get(name: str) -> object:
        home = homes.get(name)
        if home is not None:
            module[name] = getattr(__import__(home, fromlist=[name]), name)
        elif name in modules:
            __import__(f"{module['__name__']}.{name}")  # sets the attribute
        else:
            raise _missing_name(module["__name__"], name, migration)
        value: object = module[name]
        return value

    module["__all__"] = names
    module["__dir__"] = lambda: everything
    module["__getattr__"] = get


def _missing_name(module: str, name: str, migration: "str | None") -> Exception:
    """Return the error for a name that a module doesn't have."""
    renamed = None if migration is None else __import__(migration, fromlist=["renamed"]).renamed(name)
    if renamed is None:
        return AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
    # `from fibonacci import X` would replace an AttributeError by an ImportError with a text of its own.
    importing = _is_asked_by_import()
    return ImportError(renamed, name=module) if importing else AttributeError(renamed, name=name)


def _is_asked_by_import() -> bool:
    """Whether a `from` import is checking that a module has a name, before it gets the name."""
    from inspect import currentframe

    frame = currentframe()
    for _ in range(3):
        frame = frame and frame.f_back
    return frame is not None and frame.f_code.co_name == "_handle_fromlist"  # of importlib
