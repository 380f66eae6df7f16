"""Markdown of derived pages: tables, code, links to headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; empty without rows.

    Args:
        header: The text of each column's head.
        rows: The cells of each row, as Markdown.
    """
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(header)} |", f"|{'---|' * len(header)}", *lines]) if lines else ""


def code(text: str) -> str:
    """Return a text as code, which may stand in a table."""
    return f"`{text.replace('|', chr(92) + '|')}`"


def plain(text: str) -> str:
    """Return a text in which no character marks up anything; what stands between backticks is code already."""
    parts = re.split(r"(`[^`]+`)", text)
    parts[::2] = [re.sub(r"([*<|])", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [part.replace("|", r"\|") for part in parts[1::2]]
    return "".join(parts)


def sentence(text: str) -> str:
    """Return a text with a capital letter first, unless it begins with a value that it describes."""
    return text if text.partition(" ")[0].endswith(":") else text[:1].upper() + text[1:]
