"""Writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path


def write_atomically(path: str | os.PathLike[str], content: str | bytes, *, mode: int | None = None) -> None:
    """Write a text, in UTF-8, or bytes to a file; a reader sees the old content or the new, never a part.

    The content goes to a temporary file beside it, which then takes its place. An existing file keeps its permissions,
    and a symbolic link remains one; a new file has the permissions that the process gives its files.

    Args:
        path: The file.
        content: The text, whose line breaks are written as they are, or the bytes.
        mode: The permissions of the file, such as 0o600, whatever it had; None for those that it has or is given.

    Raises:
        OSError: If the file cannot be written; it then is as it was.
    """
    encoded = content.encode("utf-8") if isinstance(content, str) else content
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".fibonacci-{secrets.token_hex(8)}.tmp")
    private = 0o600
    if mode is None:
        try:
            mode = stat.S_IMODE(target.stat().st_mode)
        except FileNotFoundError:
            private = 0o666
    try:
        # Created for the owner alone: the content of a private file is at no time readable by others.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)  # Windows would write CRLF
        descriptor = os.open(temporary, flags, private)
        with os.fdopen(descriptor, "wb") as file:
            file.write(encoded)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(target)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is not None:
            error.filename = os.fspath(path)  # the temporary file means nothing to the caller
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise
