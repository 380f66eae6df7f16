"""The layout of diagrams by its rules: layers, gaps, texts that fit. Any graph, with cycles and loops."""

from __future__ import annotations

from itertools import combinations

from hypothesis import example, given
from hypothesis import strategies as st

from fibonacci.definitions.diagrams.contents import width, wrap
from fibonacci.definitions.diagrams.layout import LayeredEdge, Size, lay_out

Graph = tuple[int, list[LayeredEdge]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(1, 12))
    node = st.integers(0, count - 1)
    edge = st.builds(LayeredEdge, node, node, st.sampled_from([None, "true", "false"]))
    return count, draw(st.lists(edge, max_size=24))


@given(graphs(), st.lists(st.tuples(st.integers(30, 120), st.integers(90, 250)), min_size=12, max_size=12))
def test_boxes_do_not_overlap(graph: Graph, some: list[tuple[int, int]]) -> None:
    count, edges = graph
    sizes = [Size(*size) for size in some[:count]]
    layout = lay_out(sizes, edges, {"true": 30.0, "false": 30.0})
    placed = list(zip(layout.boxes, sizes, strict=True))
    for (one, size), (other, other_size) in combinations(placed, 2):
        apart_along = one[0] + size.along <= other[0] + 0.01 or other[0] + other_size.along <= one[0] + 0.01
        apart_across = one[1] + size.across <= other[1] - 23.9 or other[1] + other_size.across <= one[1] - 23.9
        assert apart_along or apart_across
    for (along, across), size in placed:
        assert min(along, across) >= -0.01
        assert along + size.along <= layout.size.along + 0.01
        assert across + size.across <= layout.size.across + 0.01


@given(st.text(), st.floats(2, 30), st.integers(1, 3))
@example("mmm", 3.0, 1)  # a little too wide
def test_wrapped_lines_fit_their_box(text: str, limit: float, most: int) -> None:
    lines = wrap(text, limit, most)
    assert 1 <= len(lines) <= most
    assert all(width(line) <= limit for line in lines)
    if not lines[-1].endswith("…"):
        assert "".join("".join(lines).split()) == "".join(text.split())
