"""The lines of a terminal as SVG, drawn by rich: in the system's own fonts, without a reference to any other file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.tools.pictures.themes import Theme

_NORMAL: Final = ("rim", "failed", "completed", "critic", "tool", "conditional", "running", "soft")
_FORMAT: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono",
  "Liberation Mono", monospace; line-height: {line_height}px }}
.{unique_id}-title {{ font: 600 18px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def draw_terminal(title: str, lines: Sequence[str], columns: int, theme: Theme) -> str:
    """Return a terminal as SVG.

    Args:
        title: What is shown in it; it stands at the top.
        lines: The lines with ANSI colors.
        columns: The width.
        theme: The colors.
    """
    console = Console(
        record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="standard", highlight=False
    )
    for line in [*lines, ""]:  # without the empty one, the last line would be cut at its lower edge
        whole = Text.from_ansi(line)
        for part in whole.divide(range(columns, len(whole), columns)):  # as a terminal does, within a word, too
            console.print(part, soft_wrap=True)
    picture = console.export_svg(title=title, theme=_terminal_theme(theme), code_format=_FORMAT, unique_id="t")
    frame = f'stroke="{theme.colors["frame"]}"'
    return picture.replace('stroke="rgba(255,255,255,0.35)"', frame)


def _terminal_theme(theme: Theme) -> TerminalTheme:
    normal = [_rgb(theme.colors[name]) for name in _NORMAL]
    return TerminalTheme(_rgb(theme.colors["card"]), _rgb(theme.colors["ink"]), normal, normal)


def _rgb(color: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue
