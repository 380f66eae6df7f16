"""Lazy attributes and lazy imports, so that importing the package and making a client cost little."""

import sys

# Importing typing would take five times as long as importing the package and making a client (81 % of both, by
# `python -m tests.tools.benchmarks.ablations`).
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import FrameType
    from typing import Any, TypeVar

    T = TypeVar("T")

    once = property
    loaded_once = property
    namespace = property
else:

    class once(property):  # noqa: N801  (type checkers take it for a property)
        """A property that is computed once for each object.

        It replaces `functools.cached_property`, which type checkers don't accept where a protocol has a read-only
        property. That module also takes as long to import as everything else that a client needs (51 % of it, by
        `python -m tests.tools.benchmarks.ablations`).
        """

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            values, name = instance.__dict__, self.fget.__name__
            if name not in values:
                values[name] = self.fget(instance)
            return values[name]

    class loaded_once(once):  # noqa: N801
        """The same, for a property that imports modules when it is first computed, whatever the object."""

        _is_loaded = False

        def __get__(self, instance, owner=None):
            if not self._is_loaded and instance is not None and self.fget.__name__ not in instance.__dict__:
                instance.__dict__.setdefault(self.fget.__name__, uninterrupted(lambda: self.fget(instance)))
                self._is_loaded = True
            return super().__get__(instance, owner)

    class namespace(loaded_once):  # noqa: N801
        """A group of calls, such as `client.workflows`.

        On the class it is the group's class, so that `unittest.mock.create_autospec` and `help` find its methods.
        """

        def __get__(self, instance, owner=None):
            if instance is None:
                return type(self.fget(_NoClient))
            try:
                return super().__get__(instance, owner)
            except OSError as error:  # its module cannot be imported, as without a file descriptor
                raise instance._loading_error(error) from error

    class _NoClient:
        _requestor = None


def uninterrupted(load: "Callable[[], T]") -> "T":
    """Return what a function returns that imports modules, which no signal interrupts.

    An exception of a signal handler, such as the KeyboardInterrupt of Ctrl-C, would leave a package half imported, and
    some packages can't be imported after that. Handlers run only in the main thread, so the function is called in
    another one. The exception then ends the wait for it.
    """
    from _thread import start_new_thread
    from threading import Lock  # here: until Python 3.13 it takes the thread that imports it first for the main one

    if _is_importing():  # a module that this thread imports would be waited for by the other one, and in turn
        return load()
    ended = Lock()
    results: list[T] = []
    errors: list[BaseException] = []
    ended.acquire()

    def run() -> None:
        try:
            results.append(load())
        except BaseException as error:
            errors.append(error)
        finally:
            ended.release()

    try:
        start_new_thread(run, ())
    except RuntimeError:  # the system has no thread left, or the interpreter ends
        return load()
    ended.acquire()
    if errors:
        raise errors[0]
    return results[0]


def _call(load: "Callable[[], T]") -> "T":
    return load()


def _is_importing() -> bool:
    frame: FrameType | None = sys._getframe()  # pyright: ignore[reportPrivateUsage]  # documented
    while frame is not None and frame.f_globals.get("__name__") != "importlib._bootstrap":
        frame = frame.f_back
    return frame is not None


def state_of(instance: object) -> "dict[str, Any]":
    """Return the attributes of an object without those that `once` and `namespace` have computed."""
    classes = type(instance).__mro__
    attributes = vars(instance).copy()  # at once: another thread may use a namespace for the first time meanwhile
    return {
        name: value
        for name, value in attributes.items()
        if not any(isinstance(vars(cls).get(name), property) for cls in classes)
    }


class LateImports:
    """Modules that most first calls of a process do without, imported when its second call begins.

    A script with one call doesn't wait for them. Calls that fail don't depend on them either: an import needs a file
    descriptor, and a call may fail because none is left.

    Args:
        modules: Their names.
    """

    def __init__(self, *modules: str) -> None:
        self._missing = modules
        self._calls = 0

    def begin_call(self) -> None:
        """Count a call, and import the modules unless it is the first."""
        if self._missing:
            self._calls += 1
            if self._calls > 1:
                self.load()

    def load(self) -> bool:
        """Import the modules, or return False if that isn't possible now."""
        if self._missing:
            try:
                uninterrupted(self._import)
            except (ImportError, OSError):
                return False
            self._missing = ()
        return True

    def _import(self) -> None:
        for name in self._missing:
            __import__(name)


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
        # Importing threading takes as long as a client's class. A program that has not done so has just begun.
        within = uninterrupted if "threading" in sys.modules else _call
        home = homes.get(name)
        if home is not None:
            module[name] = getattr(within(lambda: __import__(home, fromlist=[name])), name)
        elif name in modules:
            within(lambda: __import__(f"{module['__name__']}.{name}"))  # sets the attribute
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
