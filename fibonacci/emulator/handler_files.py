"""The functions that `--handlers` names: imports and registers them, again after each change with `--reload`."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from importlib.util import cache_from_source
from pathlib import Path
from types import ModuleType
from typing import Final

from fibonacci._texts.logging import log
from fibonacci.emulator.facade import Emulator, replacing_handlers

_INTERVAL: Final = 0.2  # seconds between two checks of the files
_FOREIGN: Final = frozenset({"site-packages", "node_modules", "__pycache__"})
"""Names of folders without files of the user. Folders that begin with a dot are skipped too."""

_log: Final = logging.getLogger("fibonacci.emulator")


class HandlersError(ValueError):
    """What `--handlers` names cannot be used."""


class HandlerFiles:
    """The module that `--handlers` names, and the files of the working directory, which it may import.

    Args:
        name: The module and the function, such as `handlers:register`.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._folder = Path.cwd()

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
        arguments = (emulator, self._stamps(), stop)
        threading.Thread(target=self._watch, args=arguments, name="fibonacci-emulator-reload", daemon=True).start()
        try:
            yield
        finally:
            stop.set()

    def _call(self, emulator: Emulator) -> None:
        module, _, function = self._name.partition(":")
        register: Callable[[Emulator], object] = getattr(importlib.import_module(module), function)
        register(emulator)

    def _watch(self, emulator: Emulator, seen: _Stamps, stop: threading.Event) -> None:
        while not stop.wait(_INTERVAL):
            now = self._stamps()
            if now == seen:
                continue
            for path in now.keys() - {path for path, stamp in seen.items() if now.get(path) == stamp}:
                _forget_bytecode(path)
            seen = now
            failure = self._reload(emulator)
            if failure is None:
                log(_log, logging.INFO, "%s was reloaded", self._name)
            else:
                text = f"{self._name} was not reloaded, so its previous functions still answer: {failure}"
                log(_log, logging.ERROR, "%s", text)

    def _reload(self, emulator: Emulator) -> str | None:
        """Register again, and return why that failed."""
        before = self._modules()
        for name in before:
            del sys.modules[name]
        importlib.invalidate_caches()
        try:
            with replacing_handlers(emulator) as staged:
                self._call(staged)
        except (Exception, SystemExit) as error:
            for name in self._modules():
                del sys.modules[name]
            sys.modules.update(before)
            return self._in_words(error)
        return None

    def _modules(self) -> dict[str, ModuleType]:
        """Return the loaded modules of the user's folder."""
        loaded = sys.modules.copy()  # another thread may import something meanwhile
        files = {name: getattr(module, "__file__", None) for name, module in loaded.items() if name != "__main__"}
        return {
            name: loaded[name] for name, file in files.items() if isinstance(file, str) and self._is_own(Path(file))
        }

    def _stamps(self) -> _Stamps:
        """Return a stamp for each file in the user's folder, which changes whenever the file does."""
        found: _Stamps = {}
        for place, folders, names in os.walk(self._folder):
            folders[:] = [name for name in folders if self._is_own(Path(place, name))]
            for path in [Path(place, name) for name in names if name.endswith(".py")]:
                with suppress(OSError):  # it has been removed in the meantime
                    status = path.stat()
                    found[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
        return found

    def _is_own(self, path: Path) -> bool:
        parts = path.relative_to(self._folder).parts if path.is_relative_to(self._folder) else (".",)
        return not any(part.startswith(".") or part in _FOREIGN for part in parts)

    def _in_words(self, error: BaseException) -> str:
        places = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
        text = str(error)
        if isinstance(error, SyntaxError) and error.filename is not None:
            places, text = [*places, (Path(error.filename), error.lineno)], error.msg
        own = [(file, line) for file, line in places if self._is_own(file)]
        if not own:  # it is not in the user's code: the name is wrong
            return f"{text}. Write module:function"
        file, line = own[-1]
        return f"{file.relative_to(self._folder)}:{line}: {type(error).__name__}: {text}"


def _forget_bytecode(path: Path) -> None:
    """Delete the bytecode of a file, because after a change within a second the old bytecode may be used."""
    with suppress(OSError, NotImplementedError):
        Path(cache_from_source(path)).unlink(missing_ok=True)


_Stamps = dict[Path, tuple[int, ...]]
