from __future__ import annotations

from collections.abc import Iterator

from fibonacci._system.concurrency import snapshot


def test_a_collection_that_is_changed_meanwhile_is_read_again() -> None:
    numbers = {1: "one"}

    def iterate() -> Iterator[int]:
        begun = iter(numbers)
        numbers.setdefault(2, "two")
        return begun

    assert snapshot(iterate, 3) == [1, 2]
    assert snapshot(numbers.__iter__, 1) == [1]
