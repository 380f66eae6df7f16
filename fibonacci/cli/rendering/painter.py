"""Lines on a terminal, with colors where rich (extra `cli`) is installed and they are not turned off."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

from fibonacci.cli.ci_commands import without_commands
from fibonacci.cli.rendering.terminal_text import encodable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

_STATUS_STYLES: Final = {
    **dict.fromkeys(("active", "approved", "completed", "connected", "healthy"), "green"),
    **dict.fromkeys(("failed", "unhealthy"), "red"),
    **dict.fromkeys(("pending", "pending_approval", "running"), "yellow"),
    **dict.fromkeys(("archived", "cancelled", "deprecated"), "dim"),
}
_NARROWEST: Final = 10


class Painter:
    """Prints lines that consist of texts and styles.

    Args:
        stream: The terminal.
        has_color: Whether colors are wanted.

    Attributes:
        encoding: The encoding of the terminal.
        ellipsis: What stands for the rest of a text that is cut.
        width: The width of the terminal in cells.
    """

    def __init__(self, stream: TextIO, *, has_color: bool) -> None:
        self._stream = stream
        self.encoding: str = encoding_of(stream)
        self.ellipsis: str = "\N{HORIZONTAL ELLIPSIS}" if self.encoding.lower().startswith("utf") else "..."
        self.width: int = max(_NARROWEST, shutil.get_terminal_size().columns)
        self._console = _console(stream) if has_color else None

    def line(self, parts: Sequence[tuple[str, str]]) -> None:
        """Print a line; one that CI would take for a command, as behind the terminal of a container, without colors.

        Args:
            parts: Texts, each with a style of rich, such as `bold`; an empty style is the terminal's own.
        """
        whole = "".join(text for text, _ in parts)
        if (safe := without_commands(whole)) != whole:
            parts = [(safe, "")]
        encoded = [(encodable(text, self.encoding), style) for text, style in parts]
        if self._console is None:
            print("".join(text for text, _ in encoded).rstrip(), file=self._stream, flush=True)
        else:
            from rich.text import Text

            self._console.print(Text.assemble(*encoded), soft_wrap=True)
            self._stream.flush()


def style_of(name: str, value: Any) -> str:
    """Return the style of a field's value."""
    return _STATUS_STYLES.get(value, "") if name == "status" and isinstance(value, str) else ""


def encoding_of(stream: TextIO | None) -> str:
    """Return the encoding of a stream; a stream that keeps texts has none."""
    return getattr(stream, "encoding", None) or "utf-8"


def _console(stream: TextIO) -> Any:
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(file=stream, highlight=False, markup=False, emoji=False)
