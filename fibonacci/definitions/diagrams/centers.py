"""Places of vertices across their layers: near their neighbors, in the order of the layer, with gaps between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import fsum
from typing import Final

from fibonacci.definitions.diagrams.layers import Layers, neighbors

BETWEEN_LANES: Final = 18.0
"""The least distance of a lane to what is beside it."""

_BETWEEN_BOXES: Final = 24.0
_SWEEPS: Final = 11
_BOTH_WAYS: Final = 3  # so many sweeps at the end look at both neighboring layers
_PULLS: Final = (1.0, 2.0, 8.0)  # by the number of lanes at the ends of a step
_FREE: Final = 0.001  # what has no neighbors there gives way
_SNAP_BOX: Final = 8.0
_SNAP_LANE: Final = 60.0


def centers_of(layers: Layers, across: Sequence[float]) -> list[float]:
    """Return the center of each vertex across the layers; nothing lies below zero.

    Args:
        layers: The layers, with the vertices in order.
        across: The size of each node; lanes have none.
    """
    return _Centers(layers, across).found()


class _Centers:
    """The center of each vertex across the layers: near its neighbors, in the order of its layer."""

    def __init__(self, layers: Layers, across: Sequence[float]) -> None:
        self._order = layers.order
        self._nodes = len(across)
        self._half = [size / 2 for size in across] + [0.0] * (len(layers.layer) - len(across))
        self._before, self._after = neighbors(len(layers.layer), layers.paths)
        self._centers = [0.0] * len(layers.layer)

    def found(self) -> list[float]:
        """Return the centers, so that nothing lies below zero."""
        for vertices in self._order:
            for left, right in pairwise(vertices):
                self._centers[right] = self._centers[left] + self._gap(left, right)
        for sweep in range(_SWEEPS):
            backward = sweep % 2 == 1
            for vertices in reversed(self._order) if backward else self._order:
                both = sweep >= _SWEEPS - _BOTH_WAYS
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
        """Remove the small bends: give each vertex the center of one before it, where there is room."""
        for vertices in self._order:
            for place, vertex in enumerate(vertices):
                moves = (self._centers[other] - self._centers[vertex] for other in self._before[vertex])
                move = min(moves, key=abs, default=0.0)
                if abs(move) > self._most_moved(vertex):
                    continue
                center = self._centers[vertex] + move
                left, right = vertices[place - 1 : place], vertices[place + 1 : place + 2]
                if all(center - self._centers[other] >= self._gap(other, vertex) for other in left) and all(
                    self._centers[other] - center >= self._gap(vertex, other) for other in right
                ):
                    self._centers[vertex] = center

    def _most_moved(self, vertex: int) -> float:
        return _SNAP_LANE if vertex >= self._nodes else _SNAP_BOX

    def _pull(self, vertex: int, other: int) -> float:
        """Return how much an edge is to be straight: most of all between two lanes."""
        return _PULLS[(vertex >= self._nodes) + (other >= self._nodes)]

    def _gap(self, left: int, right: int) -> float:
        between = _BETWEEN_BOXES if max(left, right) < self._nodes else BETWEEN_LANES
        return self._half[left] + between + self._half[right]


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
