"""A request to stop the run that has a journal in a file, made by another process: an empty file beside the journal.

Its name has the name of the run. So it says the same to every user who can read the folder, is whole from the moment
that it is there, and means nothing to a later run.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def request_stop(journal: str, run: str) -> None:
    """Request that a run of a journal starts no further row.

    Args:
        journal: The path of the journal, without symbolic links.
        run: The name of the run.

    Raises:
        OSError: If it cannot be written.
    """
    os.close(os.open(_path(journal, run), os.O_WRONLY | os.O_CREAT, 0o600))


def is_requested(journal: str, run: str) -> bool:
    """Whether it was requested that a run stops.

    Args:
        journal: The path of the journal, without symbolic links.
        run: The name of the run.
    """
    return _path(journal, run).exists()


def forget_request(journal: str, run: str) -> None:
    """Remove the request to a run that has ended, if there is one.

    Args:
        journal: The path of the journal, without symbolic links.
        run: The name of the run.
    """
    with suppress(OSError):  # another user's, in a folder such as /tmp: no run has this name again
        _path(journal, run).unlink()


def _path(journal: str, run: str) -> Path:
    return Path(f"{journal}-stop-{run}")
