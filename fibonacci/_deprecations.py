"""Warnings for what is deprecated, in one form; imported only when something deprecated is used.

`docs/reference/support-policy.md` says how long it works.
"""

from __future__ import annotations

import warnings
from inspect import currentframe
from types import FrameType

_PACKAGE = __name__.partition(".")[0]


def warn_deprecated(what: str, *, since: str, removal: str, instead: str) -> None:
    """Emit a `DeprecationWarning` at the line of the program that uses something deprecated.

    Args:
        what: What is deprecated, such as `` `client.workflows.start` ``.
        since: The version in which it was deprecated, such as `1.1.0`.
        removal: The first version without it.
        instead: What to do, in the imperative: `` use `client.workflows.run` ``.
    """
    text = f"{what} is deprecated since fibonacci-sdk {since} and will be removed in {removal}: {instead}"
    warn_of_deprecation(text)


def warn_of_deprecation(message: str) -> None:
    """Emit a `DeprecationWarning` at the line of the program that called the package, however deep the call is."""
    frame = currentframe()
    while frame is not None and frame.f_back is not None and _is_internal(frame):
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


def _is_internal(frame: FrameType) -> bool:
    """Whether a frame is one of the package, or of an import of its names."""
    module = str(frame.f_globals.get("__name__"))
    return module.partition(".")[0] == _PACKAGE or module == "importlib._bootstrap"
