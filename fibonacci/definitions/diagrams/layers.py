"""Layers of a graph: each edge leads from a layer to a later one, and few edges cross.

The steps are those of Sugiyama, Tagawa and Toda: break cycles, assign layers, split long edges, order each layer.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from math import fsum
from typing import Final, NamedTuple

_SWEEPS: Final = 12
_MOST_LANES: Final = 10_000
"""With more lanes than this, long edges are drawn straight: a picture of so many is not read any more."""

_LAST: Final = 2.0  # after all places, which lie between 0 and 1


class LayeredEdge(NamedTuple):
    """An edge between two nodes, by their positions."""

    source: int
    target: int
    group: Hashable = None
    """Edges of one group that leave the same node share their way."""


class Layers(NamedTuple):
    """The vertices of each layer, in order. The first vertices are the nodes; the others are lanes of long edges."""

    order: list[list[int]]
    """The vertices of each layer."""

    paths: list[list[int]]
    """The vertices on the way of each edge, from the earlier layer to the later one; empty for a loop."""

    reversed_edges: frozenset[int]
    """The positions of the edges that close a cycle: their ways lead from target to source."""

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
    """Return the edges that lead back to a node on the way to them: without these there is no cycle."""
    leaving: list[list[int]] = [[] for _ in range(count)]
    for index, edge in enumerate(edges):
        leaving[edge.source].append(index)
    closing: set[int] = set()
    finished = [False] * count
    entered = {edge.target for edge in edges}
    for root in sorted(range(count), key=lambda node: node in entered):
        if finished[root]:
            continue
        path = {root: iter(leaving[root])}  # not recursive, since it can be long
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
    """Return the layer of each node: that after the last of its predecessors, or that before its first follower."""
    after: list[list[int]] = [[] for _ in range(count)]
    missing = [0] * count
    for edge in edges:
        after[edge.source].append(edge.target)
        missing[edge.target] += 1
    layer = [0] * count
    ready = [node for node in range(count) if missing[node] == 0]
    is_root = [not number for number in missing]
    for node in ready:  # grows while it is read
        for follower in after[node]:
            layer[follower] = max(layer[follower], layer[node] + 1)
            missing[follower] -= 1
            if missing[follower] == 0:
                ready.append(follower)
    for node in range(count):
        if is_root[node] and after[node]:
            layer[node] = min(layer[follower] for follower in after[node]) - 1
    return layer


def _split(edges: Sequence[LayeredEdge], layer: list[int]) -> list[list[int]]:
    """Return the way of each edge, with a lane in each layer that it passes; add the lanes' layers."""
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
    """Return the vertices right before and right after each vertex on the ways."""
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
        """Return the order with the fewest crossings that some sweeps have found."""
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
        """Put the vertices of each layer in the order of a depth-first search, which keeps branches together."""
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
        """Sort each layer by the mean place of the neighbors in the layer before it."""
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
