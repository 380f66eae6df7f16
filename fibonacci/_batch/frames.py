"""Data frames as rows. No library is imported for it: a frame is known by its methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

_AT_ONCE = 1000


class FrameRows(ABC):
    """The rows of a data frame as dicts, each made when it is read, in their order. It can be iterated again.

    Args:
        frame: The frame.

    Attributes:
        methods: What the frames of a library have, and nothing else that is passed as rows. The first one decides
            alone for most: a lazy frame of polars warns when it is asked for its columns.
    """

    methods: ClassVar[tuple[str, ...]]

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    @property
    @abstractmethod
    def columns(self) -> Sequence[Any]:
        """The names of the columns."""

    @abstractmethod
    def __iter__(self) -> Iterator[dict[str, Any]]: ...

    def __len__(self) -> int:
        return len(self._frame)

    def check(self, key: object) -> None:
        """Check that each column can be an input, and that the one with the keys is there.

        Args:
            key: The name of the column that has the keys; anything else is left alone.

        Raises:
            TypeError: If the name of a column is not a text.
            ValueError: If two columns have the same name, or none has that of the key.
        """
        for name, count in Counter(self.columns).items():
            if not isinstance(name, str):
                raise TypeError(
                    f"the columns of a data frame name inputs, and {name!r} is not a text: rename them, as by"
                    " df.rename(columns=str)"
                )
            if count > 1:
                raise ValueError(f"the data frame has {count} columns {name!r}: rename or drop all but one")
        if isinstance(key, str) and key not in self.columns:
            names = ", ".join(map(repr, self.columns[:10])) or "none"
            more = ", ..." if len(self.columns) > 10 else ""
            text = f"the data frame has no column {key!r}, which key= names; its columns are {names}{more}"
            raise ValueError(f"{text}{self._remedy(key)}")

    def _remedy(self, key: str) -> str:
        """Return where the missing column of the keys may be, as the end of a message."""
        return ""


class _PandasRows(FrameRows):
    methods = ("itertuples", "columns", "index")

    @property
    def columns(self) -> Sequence[Any]:
        return list(self._frame.columns)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = self.columns
        return (dict(zip(names, row, strict=True)) for row in self._frame.itertuples(index=False, name=None))

    def _remedy(self, key: str) -> str:
        return ". Its index has that name: pass df.reset_index()" if key in self._frame.index.names else ""


class _PolarsRows(FrameRows):
    methods = ("iter_rows", "columns")

    @property
    def columns(self) -> Sequence[Any]:
        return list(self._frame.columns)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._frame.iter_rows(named=True))


class _ArrowRows(FrameRows):
    methods = ("to_pylist", "slice", "schema")

    @property
    def columns(self) -> Sequence[Any]:
        return list(self._frame.schema.names)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for start in range(0, len(self._frame), _AT_ONCE):
            yield from self._frame.slice(start, _AT_ONCE).to_pylist()


_KINDS = (_PolarsRows, _ArrowRows, _PandasRows)


def frame_rows(rows: Any) -> FrameRows | None:
    """Return the rows of a data frame of pandas, polars or pyarrow; None for anything else."""
    return next((kind(rows) for kind in _KINDS if all(hasattr(rows, method) for method in kind.methods)), None)
