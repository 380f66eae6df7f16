"""Commands that CI reads from a log: none of them is of a model's making.

GitHub Actions carries out a line that begins with `::`, and `##[` anywhere in a line; Azure Pipelines `##[` and
`##vso[`, TeamCity `##teamcity[`. A text for people has them escaped, as a control character is.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import TextIO

# Where a line begins, as the runner of GitHub finds it: it removes the spaces before.
_LINE: Final = re.compile(r"((?:^|(?<=[\r\n]))[^\S\r\n]*):(?=:)")
_ANYWHERE: Final = re.compile(r"(?<=#)#(?=\[|vso\[|teamcity\[)", re.IGNORECASE)
_VARIABLES: Final = ("GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")


def without_commands(text: str) -> str:
    """Return a text whose first character begins a line, with its commands escaped."""
    return _ANYWHERE.sub(r"\\x23", _LINE.sub(r"\1\\x3a", text)) if "::" in text or "##" in text else text


def without_commands_in_json(text: str) -> str:
    """Return a JSON text of the same value that holds no command; no line of it begins with `::`."""
    return _ANYWHERE.sub(r"\\u0023", text) if "##" in text else text


def is_read_by_ci(stream: TextIO) -> bool:
    """Whether a stream may be the log of CI: it runs the command, and a redirection to a file has not taken it."""
    if not any(map(os.environ.get, _VARIABLES)):
        return False
    try:
        return not stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # a stream of a program that calls the command
        return True
