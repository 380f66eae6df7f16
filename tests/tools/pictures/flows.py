"""The diagrams of what moves, in boxes and arrows: a deployment, the decision to retry, an execution, a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tests.tools.pictures.charts.parts import SMALL, WIDTH, card, line, rect, text
from tests.tools.pictures.themes import Theme, in_both

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


class FlowDiagram(NamedTuple):
    """A diagram of boxes and arrows.

    Attributes:
        title: What it shows.
        height: Its height.
        boxes: The boxes.
        arrows: The arrows, which are behind the boxes.
        lanes: The areas behind both: the name of each, its top and its height.
    """

    title: str
    height: float
    boxes: Sequence[DiagramBox]
    arrows: Sequence[DiagramArrow]
    lanes: Sequence[tuple[str, float, float]] = ()

    def draw(self, theme: Theme) -> str:
        """Return the picture."""
        parts: list[str] = []
        for name, y, height in self.lanes:
            parts.append(rect(_LEFT, y, WIDTH - 2 * _LEFT, height, theme.colors["box"], 'rx="6"'))
            parts.append(text(_LEFT + 12, y + 15, name, size=SMALL, is_bold=True))
        for arrow in self.arrows:
            parts += arrow.draw(theme)
        for box in self.boxes:
            parts += box.draw(theme)
        return card(self.title, self.height, theme, parts)


_DEPLOYMENT: Final = FlowDiagram(
    "From a branch to production",
    340,
    (
        DiagramBox(26, 66, 92, "branch", ("flows/*.yaml",), "llm"),
        DiagramBox(144, 66, 132, "pull request", ("plan as a comment",), "llm"),
        DiagramBox(326, 66, 366, "main", ("flows/*.yaml, and the state in flows/.fibonacci/",), "llm"),
        DiagramBox(144, 166, 132, "check", ("validate, fmt,", "plan for production"), "conditional"),
        DiagramBox(326, 166, 100, "apply", ("to staging",), "conditional"),
        DiagramBox(446, 166, 84, "plan", ("plan.json",), "conditional"),
        DiagramBox(592, 166, 100, "apply --plan", ("plan.json",), "conditional"),
        DiagramBox(326, 264, 100, "staging", ("its own key", "and secrets"), "tool"),
        DiagramBox(446, 264, 246, "production", ("its own key", "and secrets"), "tool"),
    ),
    (
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
    ),
    lanes=(("Git", 44, 84), ("GitHub Actions", 142, 84), ("Platform", 240, 86)),
)

_RETRY: Final = FlowDiagram(
    "An attempt failed. Does the SDK retry?",
    392,
    (
        DiagramBox(
            30,
            50,
            250,
            "1. Did the request leave?",
            ("no: no connection, no free connection,", "the proxy didn't reach the server"),
            "conditional",
        ),
        DiagramBox(
            30, 134, 250, "2. Was it refused with a 429?", ("the rate limit, not the plan's quota",), "conditional"
        ),
        DiagramBox(
            30,
            204,
            250,
            "3. Could another attempt succeed?",
            ("no: bad input, a wrong key, no such object,", "a used-up quota, a bad certificate"),
            "conditional",
        ),
        DiagramBox(
            30,
            288,
            250,
            "4. Is it a GET, PUT or DELETE?",
            ("the connection broke, a 5xx, a 408: the", "server may have done the work"),
            "conditional",
        ),
        DiagramBox(420, 57, 270, "Retry", ("after a random delay, whatever the method",), "tool"),
        DiagramBox(420, 134, 270, "Wait, then retry", ("as long as the server says or the window lasts",), "tool"),
        DiagramBox(420, 211, 270, "Raise the error", ("nothing is sent again",), "failed"),
        DiagramBox(420, 274, 270, "Retry", ("after a random delay",), "tool"),
        DiagramBox(
            420,
            330,
            270,
            "Raise it with outcome_unknown=True",
            ('idempotency="server" retries a POST instead',),
            "failed",
        ),
    ),
    (
        DiagramArrow(((280, 76.5), (420, 76.5)), "no", (340, 70)),
        DiagramArrow(((155, 103), (155, 134)), "yes", (161, 123)),
        DiagramArrow(((280, 153.5), (420, 153.5)), "yes", (340, 147)),
        DiagramArrow(((155, 173), (155, 204)), "no", (161, 193)),
        DiagramArrow(((280, 230.5), (420, 230.5)), "no", (340, 224)),
        DiagramArrow(((155, 257), (155, 288)), "yes", (161, 277)),
        DiagramArrow(((280, 301), (350, 301), (350, 293.5), (420, 293.5)), "yes", (372, 287)),
        DiagramArrow(((280, 328), (350, 328), (350, 349.5), (420, 349.5)), "no", (372, 343)),
    ),
)

_EXECUTION: Final = FlowDiagram(
    "The statuses of an execution",
    270,
    (
        DiagramBox(30, 120, 110, "execute", ("the call",), "llm"),
        DiagramBox(210, 60, 150, "pending_approval", ("until somebody", "approves the run"), "conditional"),
        DiagramBox(210, 160, 150, "pending", ("until the plan has", "a free place"), "conditional"),
        DiagramBox(430, 160, 110, "running", ("its nodes run,", "in their order"), "conditional"),
        DiagramBox(590, 66, 110, "cancelled", ("succeeded=False",), "failed"),
        DiagramBox(590, 146, 110, "failed", ("succeeded=False",), "failed"),
        DiagramBox(590, 206, 110, "completed", ("succeeded=True",), "tool"),
    ),
    (
        DiagramArrow(((140, 132), (175, 132), (175, 86.5), (210, 86.5)), "needs approval", (122, 80)),
        DiagramArrow(((140, 148), (175, 148), (175, 186.5), (210, 186.5))),
        DiagramArrow(((285, 113), (285, 160)), "approved", (230, 140)),
        DiagramArrow(((360, 186.5), (430, 186.5)), "starts", (378, 180)),
        DiagramArrow(((360, 78), (590, 78)), "rejected, expired or canceled", (392, 72)),
        DiagramArrow(((345, 160), (345, 135), (440, 135), (440, 94), (590, 94)), "canceled", (366, 129)),
        DiagramArrow(((485, 160), (485, 98.5), (590, 98.5))),
        DiagramArrow(((540, 178), (565, 178), (565, 165.5), (590, 165.5))),
        DiagramArrow(((540, 195), (565, 195), (565, 225.5), (590, 225.5))),
    ),
)

_ROW: Final = FlowDiagram(
    "After a crash: what the journal has of a row, and what the next call does",
    294,
    (
        DiagramBox(30, 76, 120, "nothing", ("not started yet",), "llm"),
        DiagramBox(195, 76, 130, "intent", ("with the", "idempotency key"), "llm"),
        DiagramBox(385, 76, 130, "execution", ("with its id",), "llm"),
        DiagramBox(575, 76, 120, "result", ("outputs or error",), "llm"),
        DiagramBox(30, 200, 120, "start it", ("once",), "tool"),
        DiagramBox(195, 200, 130, "outcome unknown", ("you settle it,", "or rerun it"), "failed"),
        DiagramBox(385, 200, 130, "wait for it", ("it is running",), "tool"),
        DiagramBox(575, 200, 120, "yield it", ("from the journal",), "tool"),
    ),
    (
        DiagramArrow(((150, 95.5), (195, 95.5))),
        DiagramArrow(((325, 95.5), (385, 95.5)), "execute", (333, 89)),
        DiagramArrow(((515, 95.5), (575, 95.5)), "wait", (531, 89)),
        DiagramArrow(((90, 115), (90, 200)), is_dashed=True),
        DiagramArrow(((260, 129), (260, 200)), is_dashed=True),
        DiagramArrow(((450, 115), (450, 200)), is_dashed=True),
        DiagramArrow(((635, 115), (635, 200)), is_dashed=True),
    ),
    lanes=(
        ("Journal", 46, 100),
        ("Next call", 166, 104),
    ),
)

_FLOWS: Final = {
    "from-branch-to-production": _DEPLOYMENT,
    "retry-decision": _RETRY,
    "execution-statuses": _EXECUTION,
    "row-of-a-journal": _ROW,
}


def flow_diagrams() -> dict[str, str]:
    """Return the diagrams by the names of their files."""
    files: dict[str, str] = {}
    for name, diagram in _FLOWS.items():
        files |= in_both(name, diagram.draw)
    return files
