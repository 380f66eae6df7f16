"""One page of a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fibonacci.models._base import Model, plain_types
from fibonacci.models.response import ResponseInfo

if TYPE_CHECKING:
    import pandas
    import polars

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
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
    """The HTTP response that the page came in. It is not part of equality or the repr."""

    next_cursor: str | None = None
    """The cursor of the next page, to be passed as `cursor` to `list`; None on the last page."""

    model: type[T] | None = field(default=None, compare=False, repr=False)
    """The class of the items, which an empty page has too. It is not part of equality or the repr."""

    def to_pandas(self, *, flatten: bool = False) -> pandas.DataFrame:
        """Return the items as a data frame of pandas (extra `pandas`).

        Its columns are the keys of `to_dict`: the documented fields, of an empty page too, and all others that occur.
        Their types are pandas' nullable ones (`Int64`, `boolean`, `string`); times are in UTC. Nested values, and
        values that have no type in common, are objects.

        Args:
            flatten: Whether each field of a nested object is a column of its own, such as `outputs.greet`.

        Returns:
            A data frame with a row for each item, in the order of the page.

        Raises:
            ImportError: If pandas is not installed.

        Example:
            ```python
            page = next(client.executions.list().pages())
            print(page.to_pandas(flatten=True)[["id", "status", "outputs.greet"]])
            ```
        """
        from fibonacci._frames import pandas_frame

        return pandas_frame(*table_of(self.items, self.model), flatten=flatten)

    def to_polars(self, *, flatten: bool = False) -> polars.DataFrame:
        """Return the items as a data frame of polars (extra `polars`).

        Its columns are those of `to_pandas`. Nested values are structs and lists where all have one shape; otherwise,
        and where values have no type in common, the column holds JSON texts.

        Args:
            flatten: Whether each field of a nested object is a column of its own, such as `outputs.greet`.

        Returns:
            A data frame with a row for each item, in the order of the page.

        Raises:
            ImportError: If polars is not installed.

        Example:
            ```python
            page = next(client.executions.list().pages())
            print(page.to_polars().select("id", "status"))
            ```
        """
        from fibonacci._frames import polars_frame

        return polars_frame(*table_of(self.items, self.model), flatten=flatten)

    def to_arrow(self, *, flatten: bool = False) -> Any:
        """Return the items as a table of Arrow (extra `arrow`).

        Its columns are those of `to_polars`.

        Args:
            flatten: Whether each field of a nested object is a column of its own, such as `outputs.greet`.

        Returns:
            A `pyarrow.Table` with a row for each item, in the order of the page.

        Raises:
            ImportError: If pyarrow is not installed.

        Example:
            ```python
            page = next(client.executions.list().pages())
            print(page.to_arrow().column_names)
            ```
        """
        from fibonacci._frames import arrow_table

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
        items: The objects: models, or anything else, which then is the field `value`.
        model: Their class, whose fields an empty list has too; None to take it from the first.
    """
    if model is None and items:
        model = type(items[0])
    declared = plain_types(model) if model is not None and issubclass(model, Model) else {}
    return [item.to_dict() if isinstance(item, Model) else {"value": item} for item in items], declared
