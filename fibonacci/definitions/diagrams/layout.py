"""Coordinates of boxes and edges, computed along the layers and across them.

Edges bend between the layers only, and each lane has a place of its own: no edge runs through a box.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Final, NamedTuple

from fibonacci.definitions.diagrams.layers import LayeredEdge, Layers, arrange

Point = tuple[float, float]

_SWEEPS: Final = 11
_LANE_WEIGHT: Final = 3.0  # long edges are straightened first
_BETWEEN_BOXES: Final = 24.0
_BETWEEN_LANES: Final = 18.0
_BETWEEN_LAYERS: Final = 34.0
_ARROW: Final = 12.0  # an edge arrives straight

CYCLE: Final = "cycle"
"""The group of the edges that close a cycle, at the node that they lead to."""


class Size(NamedTuple):
    """The size of a box."""

    along: float
    """Its size in the direction of the edges."""

    across: float
    """Its size in the direction of the layers."""


class PlacedEdge(NamedTuple):
    """The way of an edge."""

    points: tuple[Point, ...]
    """Points `(along, across)`: from the first to the second it is straight, from there to the third it bends, and so
    on by turns. None for a loop."""

    is_reversed: bool
    """Whether the last point is where the edge begins, because it closes a cycle."""


class Layout(NamedTuple):
    """Where everything is."""

    boxes: list[Point]
    """The corner with the least coordinates `(along, across)` of each box."""

    sizes: list[Size]
    """The size of each box."""

    edges: list[PlacedEdge]
    """The ways of the edges."""

    labels: dict[tuple[int, Hashable], Point]
    """The places for labels: one for each node and group of edges that leave it and have a lead."""

    size: Size
    """The size of the whole."""


def lay_out(sizes: Sequence[Size], edges: Sequence[LayeredEdge], leads: Mapping[Hashable, float]) -> Layout:
    """Place boxes and edges.

    Args:
        sizes: The size of each box.
        edges: The edges.
        leads: How far edges of a group run straight after they leave a node, for the sake of a label.
    """
    return _Placement(sizes, edges, leads).layout()


class _Placement:
    def __init__(self, sizes: Sequence[Size], edges: Sequence[LayeredEdge], leads: Mapping[Hashable, float]) -> None:
        self._sizes = sizes
        self._edges = edges
        self._leads = leads
        self._layers = arrange(len(sizes), edges)
        self._across = _centers(self._layers, [size.across for size in sizes])
        self._ports = self._groups_at_ports()
        self._bands = self._bands_along()

    def layout(self) -> Layout:
        boxes = [
            ((sum(self._band(node)) - size.along) / 2, self._across[node] - size.across / 2)
            for node, size in enumerate(self._sizes)
        ]
        across = max((box[1] + size.across for box, size in zip(boxes, self._sizes, strict=True)), default=0.0)
        across = max([across, *(center + _BETWEEN_LANES / 2 for center in self._across)])
        edges = [
            PlacedEdge(tuple(self._points(edge, path)), index in self._layers.reversed_edges)
            for index, (edge, path) in enumerate(zip(self._edges, self._layers.paths, strict=True))
        ]
        return Layout(boxes, list(self._sizes), edges, self._labels(), Size(self._bands[-1][1] if self._bands else 0.0, across))

    def _groups_at_ports(self) -> dict[tuple[int, Hashable], float]:
        """Return where the edges of each group leave a node, across from its center."""
        targets: dict[int, dict[Hashable, list[float]]] = {}
        for edge, path in zip(self._edges, self._layers.paths, strict=True):
            if path:
                group = edge.group if path[0] == edge.source else CYCLE
                targets.setdefault(path[0], {}).setdefault(group, []).append(self._across[path[1]])
        ports: dict[tuple[int, Hashable], float] = {}
        for node, groups in targets.items():
            ordered = sorted(groups, key=lambda group: sum(groups[group]) / len(groups[group]))
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
            leads = [self._leads.get(group, 0.0) for node, group in self._ports if node in set(nodes)]
            start = end + max(leads, default=0.0) + _BETWEEN_LAYERS + _ARROW
        return bands

    def _band(self, vertex: int) -> tuple[float, float]:
        return self._bands[self._layers.layer[vertex]]

    def _port(self, edge: LayeredEdge, path: Sequence[int]) -> tuple[int, Hashable]:
        return path[0], edge.group if path[0] == edge.source else CYCLE

    def _points(self, edge: LayeredEdge, path: Sequence[int]) -> list[Point]:
        if not path:
            return []
        port = self._port(edge, path)
        start, end = self._band(path[0])
        across = self._across[path[0]] + self._ports[port]
        lead = self._leads.get(port[1], 0.0)
        points = [((start + end + self._sizes[path[0]].along) / 2, across), (end + lead, across)]
        for vertex in path[1:]:
            start, end = self._band(vertex)
            across = self._across[vertex]
            points += [(start - _ARROW, across), (end, across)]
        points[-1] = ((start + end - self._sizes[path[-1]].along) / 2, across)
        return points

    def _labels(self) -> dict[tuple[int, Hashable], Point]:
        return {
            (node, group): (self._band(node)[1] + self._leads[group] / 2, self._across[node] + offset)
            for (node, group), offset in self._ports.items()
            if group in self._leads
        }


def _centers(layers: Layers, across: Sequence[float]) -> list[float]:
    """Return the center of each vertex across the layers: near its neighbors, in the order of its layer."""
    count = len(layers.layer)
    half = [across[vertex] / 2 if vertex < len(across) else 0.0 for vertex in range(count)]
    weights = [1.0 if vertex < len(across) else _LANE_WEIGHT for vertex in range(count)]
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in dict.fromkeys(
        step for path in layers.paths for step in zip(path, path[1:], strict=False)
    ):
        before[target].append(source)
        after[source].append(target)

    def gap(left: int, right: int) -> float:
        between = _BETWEEN_BOXES if left < len(across) and right < len(across) else _BETWEEN_LANES
        return half[left] + between + half[right]

    centers = [0.0] * count
    for vertices in layers.order:
        for left, right in zip(vertices, vertices[1:], strict=False):
            centers[right] = centers[left] + gap(left, right)
    for sweep in range(_SWEEPS):
        backward = sweep % 2 == 1
        both = sweep >= _SWEEPS - 3
        for vertices in reversed(layers.order) if backward else layers.order:
            wanted: list[float] = []
            for vertex in vertices:
                near = before[vertex] + after[vertex] if both else after[vertex] if backward else before[vertex]
                wanted.append(sum(centers[other] for other in near) / len(near) if near else centers[vertex])
            gaps = [gap(left, right) for left, right in zip(vertices, vertices[1:], strict=False)]
            for vertex, center in zip(vertices, _spread(wanted, gaps, [weights[v] for v in vertices]), strict=True):
                centers[vertex] = center
    least = min((center - side for center, side in zip(centers, half, strict=True)), default=0.0)
    return [center - least for center in centers]


def _spread(wanted: Sequence[float], gaps: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the positions nearest to the wanted ones, by least squares, that keep the order and the gaps.

    Without the gaps this is an isotonic regression, which pools neighbors that are in each other's way.
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
