"""The lines on a terminal's screen after a command has ended."""

from __future__ import annotations

import re

# Colors stay in the lines; the other control sequences move the cursor or erase.
_TOKEN = re.compile(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)")
_SEQUENCE = re.compile(r"\x1b\[(?P<number>[0-9;?]*)(?P<final>[A-Za-z])")


def screen_lines(output: str) -> list[str]:
    """Return the lines that an output leaves on a screen.

    A line that is written again is erased before.
    """
    lines, row = [""], 0
    for token in _TOKEN.split(output):
        sequence = _SEQUENCE.fullmatch(token)
        if token == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif sequence is None:
            lines[row] += token.replace("\r", "")
        elif sequence["final"] == "A":
            row = max(0, row - int(sequence["number"] or 1))
        elif sequence["final"] in "KJ":  # the rest of a line, or of the screen
            lines[row:] = ["", *(lines[row + 1 :] if sequence["final"] == "K" else [])]
        elif sequence["final"] == "m":
            lines[row] += token
    while lines and not lines[-1]:
        lines.pop()
    return lines
