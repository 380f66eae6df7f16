"""Warnings about what is deprecated; imported only when something deprecated is used.

`docs/reference/support-policy.md` says how long it works.
"""

from __future__ import annotations

import warnings
from inspect import currentframe
from types import FrameType

_PACKAGE = __name__.partition(".")[0]


def warn_of_deprecation(message: str) -> None:
    """Emit a `DeprecationWarning` at the line of the program that called the package, however deep the call is."""
    frame = currentframe()
    while frame is not None and frame.f_back is not None and _is_of_package(frame):
        frame = frame.f_back
    if frame is None:  # an interpreter without frames
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return
    names = frame.f_globals
    warnings.warn_explicit(
        message,
        DeprecationWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=names.get("__name__", "<string>"),
        registry=names.setdefault("__warningregistry__", {}),
    )


def _is_of_package(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE
