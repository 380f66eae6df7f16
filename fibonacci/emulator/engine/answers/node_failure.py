"""Attempts of a node that fail in a script; and the error of a script that is not valid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

NodeFailureKind = Literal["timeout", "error"]
"""How an attempt of a node fails in a script: its time limit passes, or it fails at once."""

_DEFAULT_MESSAGE: Final = "a scripted error"


class ScriptError(ValueError):
    """A script is not valid.

    Attributes:
        place: The part at fault, such as `answers[1]`.
        message: What is wrong with it.
    """

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place} {message}".lstrip())
        self.place = place
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailure:
    """In a script, an attempt of the node that fails, in place of an answer.

    As JSON it is `{"$failure": kind, "message": ...}`.

    Attributes:
        kind: `timeout`: the time limit of the node passes on the emulator's clock, or that of the workflow if the node
            has none. `error`: the node fails at once.
        message: The error of the node; only with `error`.

    Raises:
        ValueError: If the kind is unknown, or a timeout has a message.

    Example:
        >>> NodeFailure(kind="error", message="the model is overloaded")
        NodeFailure(kind='error', message='the model is overloaded')
    """

    kind: NodeFailureKind
    message: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(NodeFailureKind):
            raise ScriptError("kind", f"is {' or '.join(get_args(NodeFailureKind))}, not {self.kind!r}")
        _check_text("message", self.message)
        if self.message is not None and self.kind == "timeout":
            raise ScriptError("message", "is for an error only: the text of a timeout names the time limit")


def error_of(failure: NodeFailure) -> str:
    """Return the error of a node that fails at once."""
    return _DEFAULT_MESSAGE if failure.message is None else failure.message


def _check_text(name: str, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise ScriptError(name, f"is a text, not {type(value).__name__}")
