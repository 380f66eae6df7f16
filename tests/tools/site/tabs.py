"""The two tabs of a block that makes calls: its own text, and the async one that is derived from it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from posixpath import relpath
from textwrap import indent
from typing import Final

from tests.tools.markdown import Block, map_blocks
from tests.tools.site.async_text import PageHalves, awaits_at_the_top
from tests.tools.site.async_types import Pairs
from tests.tools.site.pages import SitePage

GUIDE: Final = "how-to/use-async.md"
TUTORIAL: Final = "tutorial/"
NOTE: Final = "This code uses `await` at the top level, as notebooks do."
"""What the first async tab of a page says."""

_IN_INDEX: Final = re.compile(
    r"SyncAsync\s*(?P<sync><pre>(?:(?!</?pre>).)*</pre>)\s*<pre>(?:(?!</?pre>).)*</pre>"
    rf"(?:\s*<p>{NOTE.replace('`await`', '<code>await</code>')}.*?</p>)?",
    re.DOTALL,
)


def with_tabs(page: SitePage, pairs: Pairs) -> SitePage:
    """Return a page whose blocks have a tab for sync and one for async code, where the async text differs.

    The tutorial has none: its programs import each other, and a beginner reads one text.
    """
    if page.path.startswith(TUTORIAL):
        return page
    following = PageHalves(pairs)
    link = relpath(GUIDE, PurePosixPath(page.path).parent.as_posix())
    notes = [f"{NOTE} In a program, put it in an `async def`, as [Async]({link}) shows.\n"]

    def tabs(block: Block, margin: str) -> str | None:
        code = following.derive(block).code
        if code is None:
            return None
        note = notes.pop() if notes and awaits_at_the_top(code) else ""
        both = _tab("Sync", block.code) + "\n" + _tab("Async", code, note)
        return indent(both, margin, lambda line: bool(line.strip())).rstrip("\n")

    shown = map_blocks(page.text, Path(page.source), tabs)
    return replace(page, shown=shown)


def without_async_tabs(text: str) -> str:
    """Return the text of an entry of the search's index with the sync text of its tabs alone: the other repeats it."""
    return _IN_INDEX.sub(lambda found: found["sync"], text)


def _tab(title: str, code: str, note: str = "") -> str:
    content = f"```python\n{code}```\n" + (f"\n{note}" if note else "")
    # With `!`, the first tab begins a new set, also right after another one.
    return f'==={"!" * (title == "Sync")} "{title}"\n\n' + indent(content, "    ", lambda line: bool(line.strip()))
