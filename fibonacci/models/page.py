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

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
