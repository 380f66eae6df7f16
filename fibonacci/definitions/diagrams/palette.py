"""The colors of diagrams in light and dark, and the style sheet that uses them.

The style sheet of an SVG inside a page applies to the whole page. Each rule is therefore bound to one class whose name
is derived from all rules: diagrams of this version share them, and those of another version do not clash.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

LIGHT: Final[Mapping[str, str]] = {
    "card": "#ffffff", "frame": "#d1d9e0", "ink": "#1f2328", "soft": "#59636e", "edge": "#6e7781",
    "box": "#f6f8fa", "rim": "#8c959f",
    "llm": "#7c3aed", "tool": "#0969da", "critic": "#9a6700", "conditional": "#bf3989",
    "completed": "#1a7f37", "completed-box": "#ecfbf0", "failed": "#c21c2c", "failed-box": "#fff0ef",
    "running": "#0969da", "running-box": "#eaf5ff", "cancelled": "#8a4600", "cancelled-box": "#fff5e8",
}  # fmt: skip
DARK: Final[Mapping[str, str]] = {
    "card": "#161b22", "frame": "#3d444d", "ink": "#f0f6fc", "soft": "#a8b1bb", "edge": "#8b949e",
    "box": "#21262d", "rim": "#6e7681",
    "llm": "#b794ff", "tool": "#6cb6ff", "critic": "#e3b341", "conditional": "#f78bc4",
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
    **{f".fib-{kind}": f"--accent:var(--{kind})" for kind in ("llm", "tool", "critic", "conditional")},
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
