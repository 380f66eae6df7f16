"""What all charts are made of: the card that they stand on, texts, and the legend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from tests.tools.pictures.themes import Theme

WIDTH = 720.0
SMALL = 11.0
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', Arial, sans-serif"
_LETTER = 6.4  # the usual width of one, at 12 px


def card(title: str, height: float, theme: Theme, parts: Iterable[str]) -> str:
    """Return a picture: a card with a title, and the parts on it.

    Args:
        title: What the picture shows; it stands at the top.
        height: The height of the picture, whose width is `WIDTH`.
        theme: The colors.
        parts: The elements on the card.
    """
    colors = theme.colors
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" width="{WIDTH:g}" '
        f'height="{height:g}" role="img" font-family="{_FONT}" font-size="12" fill="{colors["soft"]}">'
    )
    back = f'fill="{colors["card"]}" stroke="{colors["frame"]}" rx="10"'
    return "\n".join(
        [
            opening,
            f"<title>{escape(title)}</title>",
            f'<rect x="0.5" y="0.5" width="{WIDTH - 1:g}" height="{height - 1:g}" {back}/>',
            text(20, 27, title, color=colors["ink"], size=15, is_bold=True),
            *parts,
            "</svg>",
            "",
        ]
    )


def text(
    x: float, y: float, content: str, *, anchor: str = "start", color: str = "", size: float = 12, is_bold: bool = False
) -> str:
    """Return a text; without a color it has the card's."""
    looks = [f'x="{x:.1f}" y="{y:.1f}"']
    looks += [f'text-anchor="{anchor}"'] * (anchor != "start") + [f'font-size="{size:g}"'] * (size != 12)
    looks += [f'fill="{color}"'] * bool(color) + ['font-weight="600"'] * is_bold
    return f"<text {' '.join(looks)}>{escape(content)}</text>"


def text_width(content: str) -> float:
    """Return about how wide a text of the usual size is."""
    return len(content) * _LETTER


def rect(x: float, y: float, width: float, height: float, color: str, extra: str = "") -> str:
    """Return a filled rectangle."""
    more = f" {extra}" if extra else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}"{more}/>'


def line(path: str, color: str, extra: str = "") -> str:
    """Return a line along a path."""
    more = f" {extra}" if extra else ""
    return f'<path d="{path}" fill="none" stroke="{color}"{more}/>'


def legend(y: float, entries: Sequence[tuple[str, str]]) -> list[str]:
    """Return the colors and what they stand for, at the right of a line.

    Args:
        y: The base line.
        entries: Texts and colors.
    """
    parts: list[str] = []
    x = WIDTH - 20
    for name, color in reversed(entries):
        x -= text_width(name)
        parts += [text(x, y, name), rect(x - 18, y - 9.5, 12, 10, color, 'rx="2"')]
        x -= 36
    return parts
