"""Turns errors of SQLite and the system into errors of a journal that say what to do."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from fibonacci._remedies import argument, remedy
from fibonacci.errors import JournalError

_KEPT: Final = "What it has recorded is kept: call again with the same journal"
_DAMAGED: Final = (
    "it is damaged. Restore all its files from a backup made after its last run ended. With a new path or an older "
    "backup, rows that have already run would run again"
)
# By the primary code of SQLite, which is the name up to the second underscore.
_REMEDIES: Final = {
    "SQLITE_FULL": f"the disk is full. Free some space. {_KEPT}",
    "SQLITE_READONLY": "it is read-only. Pass a path in a folder you can write to",
    "SQLITE_CANTOPEN": "it cannot be opened. Pass a path in an existing folder you can write to",
    "SQLITE_PERM": "this user has no permission to open it. Change its permissions, or pass another path",
    "SQLITE_IOERR": f"reading or writing it failed. Check the disk, its free space and any size limits. {_KEPT}",
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_ERROR": _DAMAGED,  # its tables have changed, because the statements are always the same
    "SQLITE_NOTADB": "it is not a journal. Pass another path",
    "SQLITE_BUSY": "another program has it open and locks it. Close that program",
    "SQLITE_LOCKED": "another program has it open and locks it. Close that program",
}


def journal_error(path: str, reason: str, *, can_continue: bool = True) -> JournalError:
    """Return the error of a journal.

    Args:
        path: Its path.
        reason: The reason, as the end of a sentence that the path begins.
        can_continue: Whether the same call continues when the reason is gone.
    """
    return JournalError(f"journal {path} {reason}", path=path, can_continue=can_continue)


def incomplete_error(path: str, reason: str) -> JournalError:
    """Return the error of a journal that has lost a part, so that the same call wouldn't help."""
    return journal_error(path, reason, can_continue=False)


def damaged_error(path: str, reason: object) -> JournalError:
    """Return the error of a journal with content that no run wrote."""
    return journal_error(path, f"cannot be used ({reason}): {_DAMAGED}", can_continue=False)


def resume_fault(resume: bool | None, rows: int) -> str | None:
    """Return why a journal isn't what `resume` says, as the end of a sentence, or None if it is.

    Args:
        resume: Whether the journal must have rows. None if it may have some or none.
        rows: How many it has.
    """
    if resume is True and not rows:
        return (
            f"has no rows or does not exist, and {remedy('resume needs rows')}. To start, leave "
            f"{argument('resume', True)} out, which runs every row"
        )
    if resume is False and rows:
        return (
            f"has {rows} rows, and resume=False starts a new one: pass resume=True to continue, or pass another journal"
        )
    return None


@contextmanager
def reading_row(path: str) -> Generator[None]:
    """Turn an error while a row of a journal is read into that of a damaged journal."""
    try:
        yield
    except (ValueError, TypeError, LookupError) as error:
        raise damaged_error(path, error) from error


def mark_error(path: str, error: OSError) -> JournalError:
    """Return the error for what the system raised when the mark of a journal was written."""
    remedy = _REMEDIES["SQLITE_FULL" if error.errno == errno.ENOSPC else "SQLITE_IOERR"]
    made = journal_error(path, f"cannot be used (problem with its -lock file: {error.strerror or error}): {remedy}")
    made.__cause__ = error
    return made


def changed_error(path: str, workflow_id: str, before: str | None, version: str) -> JournalError:
    """Return the error of a run whose workflow was changed. The path is empty without a journal."""
    text = (
        f"the workflow {workflow_id} was changed from version {before} to {version} while its rows "
        "ran, so no more rows were started: roll it back, or pass "
        f"{argument('if_new_version', 'continue')} to run the remaining rows with the new version"
    )
    return JournalError(text, path=path)


def sqlite_error(path: str, error: sqlite3.Error | UnicodeDecodeError) -> JournalError:
    """Return the error for what SQLite raised, which is a UnicodeDecodeError if a name in the file is damaged."""
    if _is_no_text(error):
        made = damaged_error(path, "some text in it is not UTF-8")  # the message of SQLite would have what the row has
    else:
        remedy = _REMEDIES.get(_code_of(error))
        reason = f"cannot be used ({error})" + ("" if remedy is None else f": {remedy}")
        made = journal_error(path, reason, can_continue=remedy is not _DAMAGED)
    made.__cause__ = error
    return made


def system_error(path: str, error: OSError) -> JournalError:
    """Return the error for what the system raised when the file was opened."""
    file = "" if error.filename in (None, path) else f"{error.filename}: "
    remedy = "pass a path in an existing folder you can write to"
    made = journal_error(path, f"cannot be opened ({file}{error.strerror or error}): {remedy}")
    made.__cause__ = error
    return made


def _code_of(error: sqlite3.Error | UnicodeDecodeError) -> str:
    """Return the primary code of SQLite. Empty if the module gives none."""
    return "_".join((getattr(error, "sqlite_errorname", None) or "").split("_")[:2])


def _is_no_text(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    return not _code_of(error) and "decode" in str(error)
