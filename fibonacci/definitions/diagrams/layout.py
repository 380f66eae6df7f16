"""Coordinates of boxes and edges: the layers of the graph, and the positions within them.

The steps are those of Sugiyama, Tagawa and Toda: break cycles, assign layers, split long edges, order each layer.

Edges bend only between layers, and nothing else occupies the place of a lane, so no edge crosses a box.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from math import fsum
from typing import Final, NamedTuple

from fibonacci.definitions.graph import levels

_SWEEPS: Final = 12
_MOST_LANES: Final = 10_000
"""With more lanes than this, long edges are drawn straight, because nobody could read the picture anyway."""

_LAST: Final = 2.0  # after all positions, which are between 0 and 1


class LayeredEdge(NamedTuple):
    """An edge between two nodes, by their positions."""

    source: int
    target: int
    group: Hashable = None
    """Edges in the same group that leave the same node share their path."""


class Layers(NamedTuple):
    """The vertices of each layer, in order. The first are the nodes, and the others are lanes of long edges."""

    order: list[list[int]]
    """The vertices of each layer."""

    paths: list[list[int]]
    """The vertices on the path of each edge, from the earlier layer to the later one. Empty for a loop."""

    reversed_edges: frozenset[int]
    """The positions of the edges that close a cycle. Their paths lead from target to source."""

    layer: list[int]
    """The layer of each vertex."""


def arrange(count: int, edges: Sequence[LayeredEdge]) -> Layers:
    """Arrange nodes in layers.

    Args:
        count: The number of nodes.
        edges: The edges between them. Cycles and loops are allowed.
    """
    backward = _closing_edges(count, edges)
    forward = [LayeredEdge(e.target, e.source, ("cycle", i)) if i in backward else e for i, e in enumerate(edges)]
    layer = _layers(count, [edge for edge in forward if edge.source != edge.target])
    paths = _split(forward, layer)
    order = _Ordering(layer, paths).best()
    return Layers(order, paths, frozenset(backward), layer)


def _closing_edges(count: int, edges: Sequence[LayeredEdge]) -> set[int]:
    """Return the edges that lead back to one of their own ancestors. Without these there are no cycles."""
    leaving: list[list[int]] = [[] for _ in range(count)]
    for index, edge in enumerate(edges):
        leaving[edge.source].append(index)
    closing: set[int] = set()
    finished = [False] * count
    entered = {edge.target for edge in edges}
    for root in sorted(range(count), key=lambda node: node in entered):
        if finished[root]:
            continue
        path = {root: iter(leaving[root])}  # iterative, because the path can be long
        while path:
            node, following = next(reversed(path.items()))
            taken = next(following, None)
            if taken is None:
                finished[node] = True
                del path[node]
            elif (target := edges[taken].target) in path:
                closing.add(taken)
            elif not finished[target]:
                path[target] = iter(leaving[target])
    return closing


def _layers(count: int, edges: Sequence[LayeredEdge]) -> list[int]:
    """Return the layer of each node: after its last predecessor, or right before its first follower."""
    before: dict[int, list[int]] = {node: [] for node in range(count)}
    after: list[list[int]] = [[] for _ in range(count)]
    for edge in edges:
        before[edge.target].append(edge.source)
        after[edge.source].append(edge.target)
    layer = [0] * count
    for number, nodes in enumerate(levels(before)):
        for node in nodes:
            layer[node] = number
    for node in range(count):
        if after[node] and not before[node]:
            layer[node] = min(layer[follower] for follower in after[node]) - 1
    return layer


def _split(edges: Sequence[LayeredEdge], layer: list[int]) -> list[list[int]]:
    """Return the path of each edge, with a lane in each layer that it crosses, and add the lanes to the layers."""
    lengths: dict[tuple[int, Hashable], int] = {}
    for edge in edges:
        key = (edge.source, edge.group)
        lengths[key] = max(lengths.get(key, 0), layer[edge.target] - layer[edge.source] - 1)
    if sum(lengths.values()) > _MOST_LANES:
        return [[edge.source, edge.target] if edge.source != edge.target else [] for edge in edges]
    lanes: dict[tuple[int, Hashable, int], int] = {}
    paths: list[list[int]] = []
    for edge in edges:
        path = [edge.source]
        for passed in range(layer[edge.source] + 1, layer[edge.target]):
            lane = lanes.setdefault((edge.source, edge.group, passed), len(layer))
            if lane == len(layer):
                layer.append(passed)
            path.append(lane)
        paths.append([*path, edge.target] if edge.source != edge.target else [])
    return paths


def neighbors(count: int, paths: Iterable[Sequence[int]]) -> tuple[list[list[int]], list[list[int]]]:
    """Return the vertices directly before and after each vertex on the paths."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in dict.fromkeys(step for path in paths for step in pairwise(path)):
        before[target].append(source)
        after[source].append(target)
    return before, after


class _Ordering:
    """The order of the vertices in each layer."""

    def __init__(self, layer: Sequence[int], paths: Iterable[Sequence[int]]) -> None:
        self._layer = layer
        self._before, self._after = neighbors(len(layer), paths)
        self._place = [0.0] * len(layer)

    def best(self) -> list[list[int]]:
        """Return the order with the fewest crossings found in a few sweeps."""
        order = self._initial()
        best, fewest = order, self._crossings(order)
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            neighbors = self._after if sweep % 2 else self._before
            order = self._swept(order, neighbors, backward=bool(sweep % 2))
            crossings = self._crossings(order)
            if crossings < fewest:
                best, fewest = order, crossings
        return best

    def _initial(self) -> list[list[int]]:
        """Order the vertices of each layer by a depth-first search, which keeps branches together."""
        order: list[list[int]] = [[] for _ in range(max(self._layer, default=-1) + 1)]
        seen = [False] * len(self._layer)
        roots = [vertex for vertex in range(len(self._layer)) if not self._before[vertex]]
        roots.sort(key=lambda vertex: not self._after[vertex])
        pending = roots[::-1]
        while pending:
            vertex = pending.pop()
            if not seen[vertex]:
                seen[vertex] = True
                order[self._layer[vertex]].append(vertex)
                pending.extend(reversed(self._after[vertex]))
        self._number(order)
        return order

    def _swept(self, order: list[list[int]], neighbors: list[list[int]], *, backward: bool) -> list[list[int]]:
        """Sort each layer by the mean position of the neighbors in the previous layer."""
        swept = [list(vertices) for vertices in order]
        self._number(swept)
        for vertices in reversed(swept) if backward else swept:
            means = {vertex: self._mean(vertex, neighbors[vertex]) for vertex in vertices}
            vertices.sort(key=means.__getitem__)
            self._number([vertices])
        return swept

    def _mean(self, vertex: int, neighbors: Sequence[int]) -> float:
        if not neighbors:
            is_alone = not (self._before[vertex] or self._after[vertex])
            return _LAST if is_alone else self._place[vertex]
        return fsum(self._place[neighbor] for neighbor in neighbors) / len(neighbors)

    def _number(self, order: Iterable[Sequence[int]]) -> None:
        for vertices in order:
            for place, vertex in enumerate(vertices):
                self._place[vertex] = (place + 0.5) / len(vertices)

    def _crossings(self, order: Iterable[Sequence[int]]) -> int:
        """Count the pairs of edges that cross."""
        place = {vertex: index for vertices in order for index, vertex in enumerate(vertices)}
        crossings = 0
        for vertices in order:
            passed: list[int] = []
            for vertex in vertices:
                targets = [place[target] for target in self._after[vertex]]
                crossings += sum(len(passed) - bisect_right(passed, target) for target in targets)
                for target in targets:
                    insort(passed, target)
        return crossings


BETWEEN_LANES: Final = 18.0
"""The smallest distance between a lane and its neighbor."""

_BETWEEN_BOXES: Final = 24.0
_CENTERING_SWEEPS: Final = 11
_BOTH_WAYS: Final = 3  # how many sweeps at the end consider both neighboring layers
_PULLS: Final = (1.0, 2.0, 8.0)  # by how many ends of a step are lanes
_FREE: Final = 0.001  # vertices without neighbors there give way
_SNAP_BOX: Final = 8.0
_SNAP_LANE: Final = 60.0


class Centers:
    """The center of each vertex across the layers: near its neighbors, in the order of its layer.

    Args:
        layers: The layers, with the vertices in order.
        across: The size of each node. Lanes have none.
    """

    def __init__(self, layers: Layers, across: Sequence[float]) -> None:
        self._order = layers.order
        self._nodes = len(across)
        self._half = [size / 2 for size in across] + [0.0] * (len(layers.layer) - len(across))
        self._before, self._after = neighbors(len(layers.layer), layers.paths)
        self._centers = [0.0] * len(layers.layer)

    def coordinates(self) -> list[float]:
        """Return the centers, shifted so that nothing is below zero."""
        for vertices in self._order:
            for left, right in pairwise(vertices):
                self._centers[right] = self._centers[left] + self._gap(left, right)
        for sweep in range(_CENTERING_SWEEPS):
            backward = sweep % 2 == 1
            for vertices in reversed(self._order) if backward else self._order:
                both = sweep >= _CENTERING_SWEEPS - _BOTH_WAYS
                self._move(vertices, backward=backward or both, forward=not backward or both)
        self._straighten()
        least = min((center - half for center, half in zip(self._centers, self._half, strict=True)), default=0.0)
        return [center - least for center in self._centers]

    def _move(self, vertices: Sequence[int], *, backward: bool, forward: bool) -> None:
        """Move the vertices of a layer toward their neighbors in the layers after it, before it, or both."""
        gaps = [self._gap(left, right) for left, right in pairwise(vertices)]
        wanted: list[float] = []
        weights: list[float] = []
        for place, vertex in enumerate(vertices):
            near = [*(self._before[vertex] if forward else ()), *(self._after[vertex] if backward else ())]
            pulls = [self._pull(vertex, other) for other in near]
            if near:
                weighted = fsum(pull * self._centers[other] for pull, other in zip(pulls, near, strict=True))
                wanted.append(weighted / sum(pulls))
            elif place and not (self._before[vertex] or self._after[vertex]):
                wanted.append(wanted[-1] + gaps[place - 1])
            else:
                wanted.append(self._centers[vertex])
            weights.append(max(pulls, default=_FREE))
        for vertex, center in zip(vertices, _spread(wanted, gaps, weights), strict=True):
            self._centers[vertex] = center

    def _straighten(self) -> None:
        """Remove small bends: move each vertex to the center of one before it, if there is room."""
        for vertices in self._order:
            for place, vertex in enumerate(vertices):
                moves = (self._centers[other] - self._centers[vertex] for other in self._before[vertex])
                move = min(moves, key=abs, default=0.0)
                if abs(move) > (_SNAP_LANE if vertex >= self._nodes else _SNAP_BOX):
                    continue
                center = self._centers[vertex] + move
                left, right = vertices[place - 1 : place], vertices[place + 1 : place + 2]
                if all(center - self._centers[other] >= self._gap(other, vertex) for other in left) and all(
                    self._centers[other] - center >= self._gap(vertex, other) for other in right
                ):
                    self._centers[vertex] = center

    def _pull(self, vertex: int, other: int) -> float:
        """Return how strongly to straighten an edge, which is strongest between two lanes."""
        return _PULLS[(vertex >= self._nodes) + (other >= self._nodes)]

    def _gap(self, left: int, right: int) -> float:
        between = _BETWEEN_BOXES if max(left, right) < self._nodes else BETWEEN_LANES
        return self._half[left] + between + self._half[right]


def _spread(wanted: Sequence[float], gaps: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the positions closest to the wanted ones (by least squares) that keep the order and the gaps.

    Apart from the gaps, this is an isotonic regression, which pools neighbors that get in each other's way.
    """
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    pools: list[tuple[float, float, int]] = []  # mean, weight, number
    for position, offset, weight in zip(wanted, offsets, weights, strict=False):
        mean, number = position - offset, 1
        while pools and pools[-1][0] > mean:
            other, other_weight, other_number = pools.pop()
            mean = (mean * weight + other * other_weight) / (weight + other_weight)
            weight, number = weight + other_weight, number + other_number
        pools.append((mean, weight, number))
    means = [mean for mean, _, number in pools for _ in range(number)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=False)]


Point = tuple[float, float]

_BETWEEN_LAYERS: Final = 34.0
_ARROW: Final = 12.0  # an edge arrives without a bend

CYCLE: Final = "cycle"
"""The group of the edges that close a cycle, at their target node."""


class Size(NamedTuple):
    """The size of a box."""

    along: float
    """Its size in the direction of the edges."""

    across: float
    """Its size in the direction of the layers."""


class PlacedEdge(NamedTuple):
    """The path of an edge."""

    points: tuple[Point, ...]
    """Points `(along, across)`. Straight and bent segments alternate, beginning with a straight one. Empty for a
    loop."""

    is_reversed: bool
    """Whether the edge begins at the last point, because it closes a cycle."""


class Layout(NamedTuple):
    """Where everything is."""

    boxes: list[Point]
    """The corner of each box with the smallest coordinates `(along, across)`."""

    sizes: list[Size]
    """The size of each box."""

    edges: list[PlacedEdge]
    """The paths of the edges."""

    labels: dict[tuple[int, Hashable], Point]
    """The places for labels: one for each node and group of edges that leave it with a lead."""

    size: Size
    """The size of the whole."""


def lay_out(sizes: Sequence[Size], edges: Sequence[LayeredEdge], leads: Mapping[Hashable, float]) -> Layout:
    """Place boxes and edges.

    Args:
        sizes: The size of each box.
        edges: The edges.
        leads: How far the edges of a group run straight after they leave a node, to make room for a label.
    """
    return _Placement(sizes, edges, leads).layout()


class _Placement:
    def __init__(self, sizes: Sequence[Size], edges: Sequence[LayeredEdge], leads: Mapping[Hashable, float]) -> None:
        self._sizes = sizes
        self._edges = edges
        self._leads = leads
        self._layers = arrange(len(sizes), edges)
        self._across = Centers(self._layers, [size.across for size in sizes]).coordinates()
        self._ports = self._groups_at_ports()
        self._node_leads: dict[int, float] = {}
        for node, group in self._ports:
            self._node_leads[node] = max(self._node_leads.get(node, 0.0), leads.get(group, 0.0))
        self._bands = self._bands_along()

    def layout(self) -> Layout:
        boxes = [
            ((sum(self._band(node)) - size.along) / 2, self._across[node] - size.across / 2)
            for node, size in enumerate(self._sizes)
        ]
        across = max((box[1] + size.across for box, size in zip(boxes, self._sizes, strict=True)), default=0.0)
        across = max([across, *(center + BETWEEN_LANES / 2 for center in self._across)])
        edges = [
            PlacedEdge(tuple(self._points(edge, path)), index in self._layers.reversed_edges)
            for index, (edge, path) in enumerate(zip(self._edges, self._layers.paths, strict=True))
        ]
        along = self._bands[-1][1] if self._bands else 0.0
        return Layout(boxes, list(self._sizes), edges, self._labels(), Size(along, across))

    def _groups_at_ports(self) -> dict[tuple[int, Hashable], float]:
        """Return where the edges of each group leave a node, as an offset from its center."""
        targets: dict[int, dict[Hashable, list[float]]] = {}
        for edge, path in zip(self._edges, self._layers.paths, strict=True):
            if path:
                node, group = self._port(edge, path)
                targets.setdefault(node, {}).setdefault(group, []).append(self._across[path[1]])
        ports: dict[tuple[int, Hashable], float] = {}
        for node, groups in targets.items():
            ordered = sorted(groups, key=lambda group: fsum(groups[group]) / len(groups[group]))
            distance = min(self._sizes[node].across / (len(ordered) + 0.5), 90.0)
            for place, group in enumerate(ordered):
                ports[node, group] = (place - (len(ordered) - 1) / 2) * distance
        return ports

    def _bands_along(self) -> list[tuple[float, float]]:
        """Return where each layer begins and ends."""
        bands: list[tuple[float, float]] = []
        start = 0.0
        for vertices in self._layers.order:
            nodes = [vertex for vertex in vertices if vertex < len(self._sizes)]
            end = start + max((self._sizes[node].along for node in nodes), default=0.0)
            bands.append((start, end))
            start = end + max(map(self._lead, nodes), default=0.0) + _BETWEEN_LAYERS + _ARROW
        return bands

    def _band(self, vertex: int) -> tuple[float, float]:
        return self._bands[self._layers.layer[vertex]]

    def _lead(self, node: int) -> float:
        """Return how far the edges run straight after they leave a node, so that none crosses a label."""
        return self._node_leads.get(node, 0.0)

    def _port(self, edge: LayeredEdge, path: Sequence[int]) -> tuple[int, Hashable]:
        return path[0], edge.group if path[0] == edge.source else CYCLE

    def _points(self, edge: LayeredEdge, path: Sequence[int]) -> list[Point]:
        if not path:
            return []
        port = self._port(edge, path)
        start, end = self._band(path[0])
        across = self._across[path[0]] + self._ports[port]
        points = [((start + end + self._sizes[path[0]].along) / 2, across), (end + self._lead(path[0]), across)]
        for vertex in path[1:]:
            start, end = self._band(vertex)
            across = self._across[vertex]
            points += [(start - _ARROW, across), (end, across)]
        points[-1] = ((start + end - self._sizes[path[-1]].along) / 2, across)
        return points

    def _labels(self) -> dict[tuple[int, Hashable], Point]:
        return {
            (node, group): (
                self._band(node)[1] + self._lead(node) / 2 + _ARROW / 2 * (group == CYCLE),
                self._across[node] + offset,
            )
            for (node, group), offset in self._ports.items()
            if group in self._leads
        }
