"""One page of a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from fibonacci.models.response import ResponseInfo

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, as `pager.pages()` yields it.

    Attributes:
        items: The objects of the page, in the platform's order.
        next_cursor: Where the next page begins, to be passed as `cursor` another time; None when there is none.
        response: The HTTP side of the answer.

    Example:
        ```python
        from fibonacci import Page

        page = Page(items=["first", "second"], response=workflow.response)
        assert len(page) == 2
        assert list(page) == page.items
        ```
    """

    items: list[T]
    response: ResponseInfo = field(compare=False, repr=False)
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
