"""The layout of diagrams by its rules: layers, gaps, texts that fit. Any graph, with cycles and loops."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from fibonacci.definitions.diagrams.contents import clean, shorten, width, wrap
from fibonacci.definitions.diagrams.layout import LayeredEdge, Size, arrange, lay_out

Graph = tuple[int, list[LayeredEdge]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(1, 12))
    node = st.integers(0, count - 1)
    edge = st.builds(LayeredEdge, node, node, st.sampled_from([None, "true", "false"]))
    return count, draw(st.lists(edge, max_size=24))


@given(graphs())
@example((3, [LayeredEdge(0, 1), LayeredEdge(1, 2), LayeredEdge(2, 0), LayeredEdge(1, 1)]))  # few have a cycle
def test_each_edge_leads_from_layer_to_layer(graph: Graph) -> None:
    count, edges = graph
    layers = arrange(count, edges)
    for index, (edge, path) in enumerate(zip(edges, layers.paths, strict=True)):
        ends = (edge.target, edge.source) if index in layers.reversed_edges else (edge.source, edge.target)
        assert path == [] if edge.source == edge.target else (path[0], path[-1]) == ends
        assert all(layers.layer[second] == layers.layer[first] + 1 for first, second in pairwise(path))
        assert all(vertex >= count for vertex in path[1:-1])
    assert sorted(vertex for layer in layers.order for vertex in layer) == list(range(len(layers.layer)))


@given(graphs())
def test_a_graph_without_cycles_is_drawn_as_it_is(graph: Graph) -> None:
    count, edges = graph
    forward = [edge for edge in edges if edge.source < edge.target]
    assert arrange(count, forward).reversed_edges == frozenset()


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


def test_crossings_are_avoided() -> None:
    edges = [LayeredEdge(0, 5), LayeredEdge(1, 4), LayeredEdge(2, 3)]
    order = arrange(6, edges).order
    assert [[5 - vertex for vertex in layer] for layer in order[1:]] == order[:1]
    # In the order of the edges, two of these cross.
    assert arrange(4, [LayeredEdge(0, 2), LayeredEdge(0, 3), LayeredEdge(1, 2)]).order == [[0, 1], [3, 2]]


def test_a_node_without_dependencies_stands_right_before_its_first_follower() -> None:
    edges = [LayeredEdge(0, 1), LayeredEdge(1, 2), LayeredEdge(3, 2)]
    assert arrange(4, edges).layer == [0, 1, 2, 1]


@given(st.text(), st.floats(2, 30), st.integers(1, 3))
@example("mmm", 3.0, 1)  # a little too wide
def test_wrapped_lines_fit_their_box(text: str, limit: float, most: int) -> None:
    lines = wrap(text, limit, most)
    assert 1 <= len(lines) <= most
    assert all(width(line) <= limit for line in lines)
    if not lines[-1].endswith("…"):
        assert "".join("".join(lines).split()) == "".join(text.split())


@given(st.text(), st.floats(2, 30))
def test_a_text_is_shortened_only_where_it_has_to_be(text: str, limit: float) -> None:
    assert (shorten(text, limit) == text) == (width(text) <= limit)


@given(st.text())
def test_a_clean_text_stays_as_it_is(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert clean(text).isprintable() or not text.isascii()
