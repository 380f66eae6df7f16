"""The functions that `--handlers` names: imported, registered, and with `--reload` again when their files change."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import cache_from_source
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

from fibonacci._texts.logging import log
from fibonacci.emulator.facade import Emulator, replacing_handlers

_INTERVAL: Final = 0.2  # seconds between two looks at the files
_PACKAGE: Final = __name__.partition(".")[0]

_log: Final = logging.getLogger("fibonacci.emulator")


class HandlersError(ValueError):
    """What `--handlers` names cannot be used."""


class HandlerFiles:
    """The module that `--handlers` names, and those of its folder that it imports.

    Args:
        name: The module and the function, such as `handlers:register`.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._module, _, self._function = name.partition(":")
        self._folder = Path.cwd()
        self._prefix = os.path.normcase(f"{str(self._folder).rstrip(os.sep)}{os.sep}")

    def register(self, emulator: Emulator) -> None:
        """Import the module and call the function with the emulator.

        Raises:
            HandlersError: If either fails. The message has the file and the line of the user's code.
        """
        if (folder := str(self._folder)) not in sys.path:  # an installed script has its own folder there
            sys.path.insert(0, folder)
        try:
            self._call(emulator)
        except Exception as error:
            raise HandlersError(f"--handlers {self._name}: {self._in_words(error)}") from error

    @contextmanager
    def reloading(self, emulator: Emulator) -> Generator[None]:
        """Register again whenever a file changes, while the block runs. The state stays, and so do running calls.

        If that fails, the functions from before stay.
        """
        stop = threading.Event()
        arguments = (emulator, _stamps(self._files()), stop)
        threading.Thread(target=self._watch, args=arguments, name="fibonacci-emulator-reload", daemon=True).start()
        try:
            yield
        finally:
            stop.set()

    def _call(self, emulator: Emulator) -> None:
        register: Callable[[Emulator], object] = getattr(importlib.import_module(self._module), self._function)
        register(emulator)

    def _watch(self, emulator: Emulator, seen: _Stamps, stop: threading.Event) -> None:
        failure: str | None = None
        mended_by: set[Path] = set()
        while not stop.wait(_INTERVAL):
            now = _stamps(self._files() | mended_by)
            changed = [path for path, stamp in now.items() if seen.get(path, stamp) != stamp]
            seen = now
            if not changed:
                continue
            began, earlier = time.time_ns(), failure
            failure, mended_by = self._reload(emulator, changed)
            for path, stamp in _stamps((self._files() | mended_by) - now.keys()).items():
                seen[path] = None if stamp is None or stamp[0] >= began else stamp  # it may have changed since
            if failure is None:
                log(_log, logging.INFO, "%s was reloaded", self._name)
            elif failure != earlier or not all(path.is_dir() for path in changed):
                text = f"{self._name} was not reloaded, so its previous functions still answer: {failure}"
                log(_log, logging.ERROR, "%s", text)

    def _reload(self, emulator: Emulator, changed: Sequence[Path]) -> tuple[str | None, set[Path]]:
        """Register again, and return why that failed and which files and folders may need a change."""
        before, files = self._modules(), self._files()
        for name in before:
            del sys.modules[name]
        for path in changed:
            _forget_bytecode(path)
        importlib.invalidate_caches()
        try:
            with replacing_handlers(emulator) as staged:
                self._call(staged)
        except (Exception, SystemExit) as error:
            files |= self._files() | {place.file for place in self._places(error)}
            for name in self._modules():
                del sys.modules[name]
            sys.modules.update(before)
            return self._in_words(error), files | {self._folder} | {file.parent for file in files}  # one may be missing
        return None, set()

    def _modules(self) -> dict[str, ModuleType]:
        """Return the loaded modules of the user's folder."""
        loaded = sys.modules.copy()  # at once: another thread may import while the items are listed
        return {name: module for name, module in loaded.items() if self._file_of(name, module) is not None}

    def _files(self) -> set[Path]:
        return {file for name, module in self._modules().items() if (file := self._file_of(name, module)) is not None}

    def _file_of(self, name: str, module: ModuleType) -> Path | None:
        """Return the file of a module of the user, which is the named one or in its folder, or None for others."""
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or name.partition(".")[0] in ("__main__", _PACKAGE):
            return None
        return Path(file) if name == self._module or self._is_own(file) else None

    def _is_own(self, file: str) -> bool:
        # As texts: this is asked of each loaded module five times a second, and a path takes ten times as long.
        return "site-packages" not in file and os.path.normcase(file).startswith(self._prefix)

    def _places(self, error: BaseException) -> Iterator[_HandlerLine]:
        """Yield where in the user's files an error was raised, the innermost last."""
        for frame in traceback.extract_tb(error.__traceback__):
            if self._is_own(frame.filename):
                yield _HandlerLine(Path(frame.filename), frame.lineno or 0)
        if isinstance(error, SyntaxError) and error.filename is not None:
            yield _HandlerLine(Path(error.filename), error.lineno or 0)

    def _in_words(self, error: BaseException) -> str:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        places = list(self._places(error))
        if not places:  # it is not in the user's code: the name is wrong
            return f"{text}. Write module:function"
        file, line = places[-1]
        shown = file.relative_to(self._folder) if file.is_relative_to(self._folder) else file
        return f"{shown}:{line}: {type(error).__name__}: {text}"


class _HandlerLine(NamedTuple):
    file: Path
    line: int


def _forget_bytecode(path: Path) -> None:
    """Delete the bytecode of a file, because after a change within a second the old bytecode may be used."""
    with suppress(OSError, NotImplementedError):
        Path(cache_from_source(path)).unlink(missing_ok=True)


_Stamps = dict[Path, tuple[int, ...] | None]


def _stamps(paths: Iterable[Path]) -> _Stamps:
    """Return what changes with each change of a path, or None for one that is missing."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
