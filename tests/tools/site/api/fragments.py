"""The fragments of entries: a public name each, such as `#fibonacci.Fibonacci.workflows.run`."""

from __future__ import annotations

import re
from typing import Final

from tests.tools.site.pages import SitePage

_MARKED: Final = re.compile(r"\{ #(fibonacci[\w.\\]*)")


def fragment(name: str, short: str = "") -> str:
    """Return the mark that gives a heading, a link or code its fragment.

    Args:
        name: The public name.
        short: The text of a heading in the list of contents.
    """
    label = f' data-toc-label="{short}"' if short else ""
    # Two underscores would be an emphasis.
    return f"{{ #{name}{label} }}".replace("__", r"\_\_")


def fragments(page: SitePage) -> list[str]:
    """Return the names that have a fragment on a page."""
    return [name.replace("\\", "") for name in _MARKED.findall(page.text)]
