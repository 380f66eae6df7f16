"""The way of a change from a branch to production: what people, the workflows of CI and the platforms have of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tests.tools.pictures.charts.parts import SMALL, WIDTH, card, line, rect, text
from tests.tools.pictures.themes import Theme, in_both

_TITLE: Final = "From a branch to production"
_HEIGHT: Final = 352.0
_LANES: Final = (("Git", 46.0, 88.0), ("GitHub Actions", 144.0, 88.0), ("Platform", 242.0, 88.0))
_LEFT: Final = 14.0


class DiagramBox(NamedTuple):
    """A box: where it is, its title, the lines below that, and the name of its color."""

    x: float
    y: float
    width: float
    title: str
    lines: Sequence[str]
    color: str

    @property
    def height(self) -> float:
        """As high as its lines need."""
        return 25.0 + 14.0 * len(self.lines)

    def draw(self, theme: Theme) -> Iterator[str]:
        """Yield its elements."""
        colors = theme.colors
        border = f'stroke="{colors[self.color]}" rx="6"'
        yield rect(self.x, self.y, self.width, self.height, colors["card"], border)
        middle = self.x + self.width / 2
        yield text(middle, self.y + 17, self.title, anchor="middle", color=colors["ink"], is_bold=True)
        for number, content in enumerate(self.lines):
            yield text(middle, self.y + 32 + 14 * number, content, anchor="middle", size=SMALL)


class DiagramArrow(NamedTuple):
    """An arrow along points, each with x and y; what stands beside it, and where."""

    points: Sequence[tuple[float, float]]
    label: str = ""
    label_at: tuple[float, float] = (0.0, 0.0)
    is_dashed: bool = False

    def draw(self, theme: Theme) -> Iterator[str]:
        """Yield its elements."""
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in self.points)
        color = theme.colors["edge"]
        yield line(path, color, 'stroke-width="1.4"' + ' stroke-dasharray="4 3"' * self.is_dashed)
        (x0, y0), (x1, y1) = self.points[-2:]
        length = max(abs(x1 - x0), abs(y1 - y0))
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        tip = " ".join(f"{x1 - 7 * dx + 4 * s * dy:g},{y1 - 7 * dy + 4 * s * dx:g}" for s in (1, -1))
        yield f'<polygon points="{x1:g},{y1:g} {tip}" fill="{color}"/>'
        if self.label:
            yield text(*self.label_at, self.label, size=SMALL)


_BOXES: Final = (
    DiagramBox(26, 66, 92, "branch", ("flows/*.yaml",), "llm"),
    DiagramBox(144, 66, 132, "pull request", ("plan as a comment",), "llm"),
    DiagramBox(326, 66, 366, "main", ("flows/*.yaml, and the state in flows/.fibonacci/",), "llm"),
    DiagramBox(144, 166, 132, "check", ("validate, fmt,", "plan for production"), "conditional"),
    DiagramBox(326, 166, 100, "apply", ("to staging",), "conditional"),
    DiagramBox(446, 166, 84, "plan", ("plan.json",), "conditional"),
    DiagramBox(592, 166, 100, "apply --plan", ("plan.json",), "conditional"),
    DiagramBox(326, 264, 100, "staging", ("its own key", "and secrets"), "tool"),
    DiagramBox(446, 264, 246, "production", ("its own key", "and secrets"), "tool"),
)
_ARROWS: Final = (
    DiagramArrow(((118, 85.5), (144, 85.5))),
    DiagramArrow(((276, 85.5), (326, 85.5)), "merge", (284, 79)),
    DiagramArrow(((190, 105), (190, 166))),
    DiagramArrow(((230, 166), (230, 105)), "comment", (236, 139)),
    DiagramArrow(((350, 105), (350, 166))),
    DiagramArrow(((402, 166), (402, 105)), "state", (407, 139), is_dashed=True),
    DiagramArrow(((426, 185.5), (446, 185.5))),
    DiagramArrow(((530, 185.5), (592, 185.5)), "approval", (539, 179)),
    DiagramArrow(((660, 166), (660, 105)), "state", (665, 139), is_dashed=True),
    DiagramArrow(((376, 205), (376, 264))),
    DiagramArrow(((488, 264), (488, 205)), "reads", (494, 238)),
    DiagramArrow(((642, 205), (642, 264))),
)


def deployment_diagram() -> dict[str, str]:
    """Return the diagram by the names of its files."""
    return in_both("from-branch-to-production", _draw)


def _draw(theme: Theme) -> str:
    parts: list[str] = []
    for name, y, height in _LANES:
        parts.append(rect(_LEFT, y, WIDTH - 2 * _LEFT, height, theme.colors["box"], 'rx="6"'))
        parts.append(text(_LEFT + 12, y + height - 9, name, size=SMALL, is_bold=True))
    for drawn in (*_ARROWS, *_BOXES):
        parts += drawn.draw(theme)
    return card(_TITLE, _HEIGHT, theme, parts)
