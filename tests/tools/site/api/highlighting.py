"""A block of code as HTML, in which types lead to their entries; zensical colors it like every other block."""

from __future__ import annotations

import builtins
import io
import keyword
import tokenize
from collections.abc import Iterator
from html import escape
from typing import Final

from tests.tools.site.api.signatures import Code
from tests.tools.site.api.types import Linker

_CLASSES: Final = {tokenize.STRING: "s2", tokenize.NUMBER: "mi", tokenize.OP: "o"}
_CONSTANTS: Final = {"None", "True", "False"}


def block(code: Code, linker: Linker) -> str:
    """Return a block of code as Markdown, and note its HTML for the site."""
    markdown = f"```python\n{code}\n```"
    lines = "".join(_spans(code, linker))
    linker.blocks[markdown] = (
        f'<div class="language-python highlight"><pre><span></span><code>{lines}\n</code></pre></div>'
    )
    return markdown


def _spans(code: Code, linker: Linker) -> Iterator[str]:
    text = str(code)
    links = dict(_links(code, linker))
    starts = [0, *(place + 1 for place, character in enumerate(text) if character == "\n")]
    position = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if not token.string.strip():
            continue
        start, end = (starts[line - 1] + column for line, column in (token.start, token.end))
        yield escape(text[position:start], quote=False)
        span = f'<span class="{_class(token)}">{escape(token.string, quote=False)}</span>'
        yield f'<a href="{links[start]}">{span}</a>' if start in links else span
        position = end


def _links(code: Code, linker: Linker) -> Iterator[tuple[int, str]]:
    """Yield the place of each name that leads somewhere, and the address."""
    position = 0
    for part in code.parts:
        address = None if isinstance(part, str) else linker.address(part.canonical_path)
        if address is not None:
            yield position, address
        position += len(str(part))


def _class(token: tokenize.TokenInfo) -> str:
    if token.type != tokenize.NAME:
        return _CLASSES.get(token.type, "p")
    if token.string in _CONSTANTS:
        return "kc"
    if keyword.iskeyword(token.string):
        return "k"
    return "nb" if hasattr(builtins, token.string) else "n"
