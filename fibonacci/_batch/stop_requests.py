"""A request to stop the run that has a journal in a file, made by another process: an empty file beside the journal.

Its name has the name of the run. So it says the same to every user who can read the folder, is whole from the moment
that it is there, and means nothing to a later run.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from fibonacci._files import open_state


class StopRequest:
    """The request that a run starts no further row, which may have been made or not.

    Args:
        journal: The path of the journal, without symbolic links.
        run: The name of the run.
    """

    def __init__(self, journal: str, run: str) -> None:
        self._path = Path(f"{journal}-stop-{run}")

    @property
    def is_made(self) -> bool:
        """Whether it was made."""
        try:
            return stat.S_ISREG(self._path.lstat().st_mode)
        except OSError:
            return False

    def make(self) -> None:
        """Make it, from any process.

        Raises:
            OSError: If it cannot be written.
        """
        if not self.is_made:
            os.close(open_state(self._path, os.O_WRONLY | os.O_CREAT))

    def forget(self) -> None:
        """Remove it when the run has ended, if it was made."""
        with suppress(OSError):  # another user's, in a folder such as /tmp: no run has this name again
            self._path.unlink()
