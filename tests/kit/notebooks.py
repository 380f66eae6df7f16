"""What a notebook displays of an object."""

from __future__ import annotations

import re
from typing import Any


def html_of(displayed: Any) -> str:
    """Return the HTML that a notebook displays. Apart from the repr, it must be all that the object offers."""
    kind: type[object] = displayed.__class__
    names = [name for name in dir(kind) if re.fullmatch(r"_(repr_\w+|ipython_display)_", name)]
    assert names == ["_repr_html_"]
    return str(displayed._repr_html_())
