"""One page of a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fibonacci._texts.suggestions import Hinted
from fibonacci.models._base import Model, plain_dict, plain_types
from fibonacci.models.response import ResponseInfo

if TYPE_CHECKING:
    import pandas
    import polars

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Hinted, Generic[T]):
    """One page of a list, as `pager.pages()` yields it.

    Example:
        ```python
        from fibonacci import Page

        page = Page(items=["first", "second"], response=workflow.response)
        assert len(page) == 2
        assert list(page) == page.items
        ```
    """

    items: list[T]
    """The objects of the page, in the platform's order."""

    response: ResponseInfo = field(compare=False, repr=False)
    """The HTTP response that the page came in. It isn't part of equality or the repr."""

    next_cursor: str | None = None
    """The cursor of the next page, which you can pass to `list` as `cursor`. None on the last page."""

    model: type[T] | None = field(default=None, compare=False, repr=False)
    """The class of the items, which even an empty page has. It isn't part of equality or the repr."""

    def to_pandas(self, *, flatten: bool = False) -> pandas.DataFrame:
        """Return the items as a pandas data frame (extra `pandas`).

        Its columns are the keys of `to_dict`: the documented fields, and all other fields that an item has. Even an
        empty page has the documented ones. Their types are the nullable ones of pandas (`Int64`, `boolean`, `string`),
        and times are in UTC. Columns with nested values, or with values of several types, have the type `object`.

        Args:
            flatten: Whether to make a column of each field of a nested object, such as `outputs.greet`.

        Returns:
            A data frame with a row for each item, in the order of the page.

        Raises:
            ImportError: If pandas isn't installed.

        Example:
            ```python
            page = next(client.executions.list().pages())
            print(page.to_pandas(flatten=True)[["id", "status", "outputs.greet"]])
            ```
        """
        from fibonacci._display.frames import pandas_frame

        return pandas_frame(*table_of(self.items, self.model), flatten=flatten)

    def to_polars(self, *, flatten: bool = False) -> polars.DataFrame:
        """Return the items as a polars data frame (extra `polars`).

        It has the same columns as `to_pandas`. Nested values are structs and lists if they all have the same shape. If
        they don't, or if the values of a column have no common type, the column has JSON as text.

        Args:
            flatten: Whether to make a column of each field of a nested object, such as `outputs.greet`.

        Returns:
            A data frame with a row for each item, in the order of the page.

        Raises:
            ImportError: If polars isn't installed.

        Example:
            ```python
            page = next(client.executions.list().pages())
            print(page.to_polars().select("id", "status"))
            ```
        """
        from fibonacci._display.frames import polars_frame

        return polars_frame(*table_of(self.items, self.model), flatten=flatten)

    def to_arrow(self, *, flatten: bool = False) -> Any:
        """Return the items as an Arrow table (extra `arrow`).

        It has the same columns as `to_polars`.

        Args:
            flatten: Whether to make a column of each field of a nested object, such as `outputs.greet`.

        Returns:
            A `pyarrow.Table` with a row for each item, in the order of the page.

        Raises:
            ImportError: If pyarrow isn't installed.

        Example:
            ```python
            page = next(client.executions.list().pages())
            print(page.to_arrow().column_names)
            ```
        """
        from fibonacci._display.frames import arrow_table

        return arrow_table(*table_of(self.items, self.model), flatten=flatten)

    def _repr_html_(self) -> str:
        from fibonacci._display.html import ROWS, page_html

        rows, _ = table_of(self.items[:ROWS], self.model)
        return page_html(rows, len(self.items), has_more=self.next_cursor is not None)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def table_of(items: Sequence[object], model: type[Any] | None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a list as a table: the fields of each object, and the types of the documented ones.

    Args:
        items: The objects: models, or anything else, which then becomes the field `value`.
        model: Their class, which gives an empty list its fields. None to take it from the first object.
    """
    if model is None and items:
        model = type(items[0])
    declared = plain_types(model) if model is not None and issubclass(model, Model) else {}
    return [plain_dict(item) if isinstance(item, Model) else {"value": item} for item in items], declared
