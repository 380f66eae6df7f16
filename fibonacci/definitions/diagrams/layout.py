"""Coordinates of boxes and edges, computed along the layers and across them.

Edges bend between the layers only, and each lane has a place of its own: no edge runs through a box.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from math import fsum
from typing import Final, NamedTuple

from fibonacci.definitions.diagrams.centers import BETWEEN_LANES, centers_of
from fibonacci.definitions.diagrams.layers import LayeredEdge, arrange

Point = tuple[float, float]

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
        self._across = centers_of(self._layers, [size.across for size in sizes])
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
        """Return where the edges of each group leave a node, across from its center."""
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
