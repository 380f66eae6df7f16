"""The box of a node: its texts, its size, its shape, its icon and its colors.

The style sheet of an SVG inside a page applies to the whole page. Each rule is therefore bound to one class whose name
is derived from all rules: diagrams of this version share them, and those of another version do not clash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Final, NamedTuple

from fibonacci.definitions.diagrams.contents import KNOWN_STATES, MISSING, DiagramNode, clean, number, width, wrap
from fibonacci.definitions.node_kinds import NODE_KINDS, known_type, rectangle

LIGHT: Final[Mapping[str, str]] = {
    "card": "#ffffff", "frame": "#d1d9e0", "ink": "#1f2328", "soft": "#59636e", "edge": "#6e7781",
    "box": "#f6f8fa", "rim": "#8c959f",
    **{node_type: kind.light for node_type, kind in NODE_KINDS.items()},
    "completed": "#1a7f37", "completed-box": "#ecfbf0", "failed": "#c21c2c", "failed-box": "#fff0ef",
    "running": "#0969da", "running-box": "#eaf5ff", "cancelled": "#8a4600", "cancelled-box": "#fff5e8",
}  # fmt: skip
DARK: Final[Mapping[str, str]] = {
    "card": "#161b22", "frame": "#3d444d", "ink": "#f0f6fc", "soft": "#a8b1bb", "edge": "#8b949e",
    "box": "#21262d", "rim": "#6e7681",
    **{node_type: kind.dark for node_type, kind in NODE_KINDS.items()},
    "completed": "#56d364", "completed-box": "#12261a", "failed": "#ff8e86", "failed-box": "#31171a",
    "running": "#6cb6ff", "running-box": "#14253d", "cancelled": "#f0a35e", "cancelled-box": "#2e2011",
}  # fmt: skip

FONT_FAMILIES: Final = (
    'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",Arial,sans-serif'
)
DERIVED: Final = {"fill": "var(--box)", "line": "var(--rim)", "word": "var(--soft)", "accent": "var(--soft)"}
RULES: Final[Mapping[str, str]] = {
    # All that a page might set for its own texts is set here.
    "text": f"font:400 12px {FONT_FAMILIES};fill:var(--ink);stroke:none;letter-spacing:0;word-spacing:0;"
    "text-anchor:start",
    ".fib-card": "fill:var(--card);stroke:var(--frame)",
    ".fib-title": "font-size:15px;font-weight:600",
    ".fib-label": "font-size:14px;font-weight:600",
    ".fib-detail": "fill:var(--soft)",
    ".fib-word": "fill:var(--word);font-weight:600",
    ".fib-reason": "fill:var(--word)",
    ".fib-dot": "fill:var(--word);stroke:none",
    ".fib-box": "fill:var(--fill);stroke:var(--line);stroke-width:1.4",
    ".fib-icon": "fill:none;stroke:var(--accent);stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round",
    ".fib-edge": "fill:none;stroke:var(--edge);stroke-width:1.5",
    ".fib-arrow": "fill:var(--edge);stroke:none",
    ".fib-pill": "fill:var(--card);stroke:var(--edge)",
    ".fib-branch": "text-anchor:middle;font-weight:600",
    ".fib-critic-edge .fib-edge": "stroke-dasharray:6 4",
    ".fib-faded .fib-edge": "stroke-dasharray:1.5 4",
    ".fib-faded .fib-branch": "fill:var(--soft)",
    ".fib-cycle": "--edge:var(--failed)",
    ".fib-cycle .fib-branch": "fill:var(--failed)",
    ".fib-cycle .fib-edge": "stroke-dasharray:6 3",
    **{f".fib-{kind}": f"--accent:var(--{kind})" for kind in NODE_KINDS},
    ".fib-missing": "--line:var(--failed);--accent:var(--failed)",
    ".fib-missing .fib-detail": "fill:var(--failed)",
    ".fib-missing .fib-box,.fib-skipped .fib-box,.fib-pending .fib-box": "stroke-dasharray:5 4",
    ".fib-skipped .fib-label": "fill:var(--soft)",
    **{
        f".fib-{state}": f"--fill:var(--{state}-box);--line:var(--{state});--word:var(--{state})"
        for state in ("completed", "failed", "running", "cancelled")
    },
}


def _variables(values: Mapping[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in values.items())


def _style_sheet(scope: str) -> str:
    rules = [f".{scope}{{{_variables(LIGHT)};{_variables(DERIVED)}}}"]
    rules += [f"@media (prefers-color-scheme:dark){{.{scope}{{{_variables(DARK)}}}}}"]
    # JupyterLab has a theme of its own, whatever the system prefers.
    for is_light, colors in (("true", LIGHT), ("false", DARK)):
        rules.append(f'[data-jp-theme-light="{is_light}"] .{scope}{{{_variables(colors)}}}')
    for selectors, declarations in RULES.items():
        bound = ",".join(f".{scope} {selector}" for selector in selectors.split(","))
        rules.append(f"{bound}{{{declarations}}}")
    return "\n".join(rules)


SCOPE: Final = f"fib-{sha256(_style_sheet('').encode()).hexdigest()[:8]}"
"""The class of the root element, to which all rules are bound."""

STYLE_SHEET: Final = _style_sheet(SCOPE)
"""The rules."""


_LEFT: Final = 38.0
_RIGHT: Final = 16.0
_TOP: Final = 9.0
_LEAST_TEXT: Final = 84.0
_MOST_TEXT: Final = 190.0
_STYLES: Final = {
    "fib-label": (14.0, 20.0),
    "fib-detail": (12.0, 17.0),
    "fib-word": (12.0, 17.0),
    "fib-reason": (12.0, 17.0),
}
"""The size of the font and the height of a line, by class."""

_OTHER_ICONS: Final[Mapping[str, str]] = {
    "other": "M4 4H12V12H4Z",
    "missing": "M5.4 5.6a2.6 2.6 0 1 1 3.8 2.3C8.4 8.4 8 8.9 8 9.8M8 13v.1",
}
_PLAIN: Final = 'fill="#fff" stroke="#555"'
"""What programs show that do not know variables in style sheets."""


class Line(NamedTuple):
    """A line of text in a box."""

    style: str
    text: str


class Box(NamedTuple):
    """What is written in a box, and how large that makes it."""

    node: DiagramNode
    """The node."""

    lines: tuple[Line, ...]
    """The texts, from top to bottom."""

    width: float
    """The width that the texts need."""

    height: float
    """The height."""


def box_of(node: DiagramNode) -> Box:
    """Return the box of a node."""
    lines = list(_lines("fib-label", node.label, 2))
    for detail in node.details:
        lines += _lines("fib-detail", detail, 2)
    if node.state is not None:
        lines += _lines("fib-word", node.state.text, 1)
        if node.state.word == "failed" and node.state.reason:
            lines += _lines("fib-reason", node.state.reason, 2)
    needed = max(width(line.text) * _STYLES[line.style][0] for line in lines)
    return Box(
        node,
        tuple(lines),
        round(_LEFT + min(max(needed, _LEAST_TEXT), _MOST_TEXT) + _RIGHT),
        2 * _TOP + sum(_STYLES[line.style][1] for line in lines),
    )


def _lines(style: str, text: str, most: int) -> Iterator[Line]:
    return (Line(style, line) for line in wrap(text, _MOST_TEXT / _STYLES[style][0], most))


def _title(node: DiagramNode) -> str:
    """Return all that is known of a node, unabridged, for the reader who points at the box."""
    label = node.label if node.id in ("", node.label) else f"{node.label} ({clean(node.id)})"
    reason = (node.state.reason,) if node.state is not None and node.state.reason else ()
    return "\n".join([label, *node.words, *reason])


def draw_box(box: Box, x: float, y: float, width: float, height: float) -> str:
    """Return a box as SVG."""
    known = known_type(box.node.type)
    name = known or ("missing" if box.node.type == MISSING else "other")
    icon, outline = (NODE_KINDS[known].icon, NODE_KINDS[known].outline) if known else (_OTHER_ICONS[name], rectangle)
    classes = ["fib-node", f"fib-{name}"]
    if box.node.state is not None and box.node.state.word in KNOWN_STATES:
        classes.append(f"fib-{box.node.state.word}")
    place = f"translate({number(x)} {number(y)})"
    parts = [f'<g class="{" ".join(classes)}" transform="{place}"><title>{escape(_title(box.node))}</title>']
    element, attributes = outline(width, height)
    parts.append(f'<{element} class="fib-box" {_PLAIN} {attributes}/>')
    parts.append(f'<path class="fib-icon" transform="translate(14 {_TOP + 2:g})" d="{icon}"/>')
    top = _TOP
    for style, text in box.lines:
        size, line = _STYLES[style]
        baseline = top + line / 2 + size * 0.36
        if style == "fib-word":
            parts.append(f'<circle class="fib-dot" cx="22" cy="{top + line / 2:g}" r="4"/>')
        parts.append(f'<text class="{style}" x="{_LEFT:g}" y="{baseline:g}">{escape(text)}</text>')
        top += line
    return "".join([*parts, "</g>"])
