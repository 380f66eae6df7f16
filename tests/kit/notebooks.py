"""What a notebook displays of an object."""

from __future__ import annotations

import re
from typing import Any


def html_of(displayed: object) -> str:
    """Return the HTML that a notebook displays. Apart from the repr, it must be all that the object offers."""
    names = [name for name in dir(type(displayed)) if re.fullmatch(r"_(repr_\w+|ipython_display)_", name)]
    assert names == ["_repr_html_"]
    notebook: Any = displayed
    return str(notebook._repr_html_())
