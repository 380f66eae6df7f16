"""Names that are imported when they are first asked for (PEP 562): importing a package costs next to nothing."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from functools import cached_property as cached_property
    from typing import Any
else:

    class cached_property:  # noqa: N801  (the name that type checkers know)
        """What `functools.cached_property` is, without the import of functools, which a client can do without."""

        def __init__(self, make):
            self.make = make
            self.__doc__ = make.__doc__

        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            value = instance.__dict__[self.name] = self.make(instance)
            return value


def lazy_names(package: "dict[str, Any]", homes: "Mapping[str, str]") -> "Callable[[str], object]":
    """Make a module's `__getattr__`.

    Args:
        package: The `globals()` of the module.
        homes: The module that each public name comes from.

    Returns:
        A function that imports the module of a name and keeps the name for the next time.
    """

    def get(name: str) -> object:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}", name=name)
        value: object = getattr(__import__(home, fromlist=[name]), name)
        package[name] = value
        return value

    return get
