"""Tables of records by key, and lists of their records, so that no reader needs to visit all of them.

A list is named by texts, as a key is: `("status", "running")`. The list without a name has every record. Lists are in
the order of the records' permanent numbers, and are read from any number on. Each list that a record is in costs time
with every change, so a list that others make up, such as that of all states, is not kept: it is read as their union.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar, cast

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.state.json_encoding import is_larger_than, to_text

RecordT = TypeVar("RecordT", bound=Mapping[str, object])
Key = tuple[str, ...]

SECRET: Final = "<secret:"
"""How the placeholder for a secret in a stored text begins."""

LARGE: Final = 65_536
"""From about how many characters of JSON a field is left out of brief records."""


def _no_lists(key: Key, record: object) -> Iterable[Key]:
    return ()


def _no_amount(record: object) -> int:
    return 0


class TableKind(NamedTuple, Generic[RecordT]):
    """A kind of record.

    Attributes:
        name: Its name.
        record: The type of the records.
        key: The names of the parts of its keys. A part that the record has too has the name of the field.
        prefix: How many first parts of a key name lists that its record is in.
        lists: Returns the names of further lists that a record is in.
        parts: Returns the lists whose union a list is, that list alone if it is kept, or none if there is no such list.
            Default: all are kept.
        amount: Returns the number of which a list has the sum.
        due: The field with the time at which a record is due, if it has one.
        apart: The field that brief records do not have if it is large, if there is one.
        is_listed: Whether it has lists at all. Without them its records are read by key, and deleted by prefix.
    """

    name: str
    record: type[RecordT]
    key: tuple[str, ...]
    prefix: int = 0
    lists: Callable[[Key, RecordT], Iterable[Key]] = _no_lists
    parts: Callable[[Key], tuple[Key, ...]] | None = None
    amount: Callable[[RecordT], int] = _no_amount
    due: str | None = None
    apart: str | None = None
    is_listed: bool = True

    def lists_of(self, key: Key, record: RecordT) -> tuple[Key, ...]:
        """Return the names of the kept lists that a record is in."""
        if not self.is_listed:
            return ()
        lists = (*self.prefixes_of(key), *self.lists(key, record))
        return ((), *lists) if self.parts is None else lists

    def prefixes_of(self, key: Key) -> tuple[Key, ...]:
        """Return the prefixes of a key that name lists."""
        return tuple([key[:length] for length in range(1, min(self.prefix, len(key)) + 1)]) if self.prefix else ()

    @property
    def is_fixed(self) -> bool:
        """Whether a record stays in its lists, with its amount, whatever replaces it."""
        return self.lists is _no_lists and self.amount is _no_amount

    def parts_of(self, name: Key) -> tuple[Key, ...]:
        """Return the names of the kept lists whose union a list is."""
        return (name,) if self.parts is None else self.parts(name)

    def due_of(self, record: RecordT) -> float | None:
        """Return the time at which a record is due, or `None` if it is never."""
        return None if self.due is None else cast("float | None", record.get(self.due))

    def has_apart(self, record: RecordT) -> bool:
        """Return whether a brief record lacks a field."""
        return self.apart is not None and is_larger_than(record.get(self.apart), LARGE)

    def brief(self, record: RecordT) -> RecordT:
        """Return a record without the field that is kept apart."""
        return cast("RecordT", {field: value for field, value in record.items() if field != self.apart})


class Search(NamedTuple):
    """Which records of a list are wanted.

    Attributes:
        text: A text that they mention, whatever its case.
        fields: The fields that it is looked for in: in each text, key, number and word of them.
        time: The field with the time that is compared.
        begin: The earliest time, or `None` for any.
        end: The time before which it is, or `None` for any.
    """

    text: str = ""
    fields: tuple[str, ...] = ()
    time: str = ""
    begin: float | None = None
    end: float | None = None

    def accepts(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record is wanted."""
        time: float = record.get(self.time, 0.0)
        if (self.begin is not None and time < self.begin) or (self.end is not None and time >= self.end):
            return False
        text = self.text.lower()
        return not text or any(_mentions(record.get(field), text) for field in self.fields)


def _mentions(content: Any, text: str) -> bool:
    waiting: list[Any] = [content]
    while waiting:
        value = waiting.pop()
        if is_object(value):
            waiting.extend(value)
            waiting.extend(value.values())
        elif is_array(value):
            waiting.extend(value)
        elif text in (value if isinstance(value, str) else to_text(value)).lower():
            return True
    return False


class Table(Protocol[RecordT]):
    """Records by key, in order of their first `put`."""

    def get(self, *key: str) -> RecordT | None:
        """Return one record, or `None`.

        Raises:
            UnreadableRecordError: If the record is damaged.
        """
        ...

    def put(self, *key: str, record: RecordT) -> None:
        """Add a record, or replace it in its place."""
        ...

    def delete(self, *key: str) -> bool:
        """Remove a record, and return whether it existed."""
        ...

    def rows(
        self,
        *name: str,
        newest_first: bool = False,
        after: int | None = None,
        brief: bool = False,
        skip: int = 0,
        search: Search | None = None,
    ) -> Iterator[tuple[int, RecordT]]:
        """Iterate over the records of a list, each with its permanent number, but skip and log damaged ones.

        Args:
            name: The name of the list. Default: that of all records.
            newest_first: The order of the numbers: descending, else ascending.
            after: Begin behind this number, in this order.
            brief: Leave out the field that is kept apart if it is large.
            skip: How many records to skip without reading them.
            search: Which of the records are wanted.
        """
        ...

    def records(self, *name: str) -> Iterator[RecordT]:
        """Iterate over the records of a list."""
        ...

    def keys(self, *name: str) -> Iterator[Key]:
        """Iterate over the keys of a list."""
        ...

    def items(self) -> Iterator[tuple[Key, RecordT]]:
        """Iterate over all records with their keys."""
        ...

    def due(self, now: float) -> Iterator[Key]:
        """Iterate over the keys of the records that are due by a time, the earliest first."""
        ...

    def count(self, *name: str) -> int:
        """Return the number of records of a list."""
        ...

    def total(self, *name: str) -> int:
        """Return the sum of the amounts of the records of a list."""
        ...

    def counts(self, *name: str) -> dict[str, int]:
        """Return the number of records of each list whose name has one more part than `name`, by that part."""
        ...

    def delete_all(self, *prefix: str) -> None:
        """Remove every record whose key begins with `prefix`."""
        ...


class MemoryTable(Generic[RecordT]):
    """A table in dictionaries."""

    def __init__(self, kind: TableKind[RecordT]) -> None:
        self._kind = kind
        self._rows: dict[Key, tuple[int, RecordT]] = {}
        self._keys: dict[int, Key] = {}
        self._lists: dict[Key, list[int]] = {}
        self._sublists: dict[Key, dict[str, Key]] = {}
        self._totals: dict[Key, int] = {}
        self._due: list[tuple[float, Key]] = []
        self._last = 0
        self._marks: list[dict[Key, tuple[int, RecordT] | None]] = []  # what was there before, for each mark

    def get(self, *key: str) -> RecordT | None:
        """Return one record, or `None`."""
        row = self._rows.get(key)
        return None if row is None else row[1]

    def put(self, *key: str, record: RecordT) -> None:
        """Add a record, or replace it in its place."""
        row = self._rows.get(key)
        if self._marks:
            self._marks[-1].setdefault(key, row)
        if row is None:
            self._last += 1
        self._place(key, self._last if row is None else row[0], record)

    def _place(self, key: Key, number: int, record: RecordT) -> None:
        row = self._rows.get(key)
        self._keys[number] = key
        self._move(key, number, row and row[1], record)
        self._rows[key] = (number, record)

    def mark(self) -> None:
        """Remember the records as they are now."""
        self._marks.append({})

    def undo(self) -> None:
        """Replace each record that has changed since the last mark by what was there, and drop the mark."""
        before, (marks, self._marks) = self._marks.pop(), (self._marks, [])
        for key in before:
            self.delete(*key)
        for key, row in before.items():
            if row is not None:
                self._place(key, *row)
        self._marks = marks

    def delete(self, *key: str) -> bool:
        """Remove a record, and return whether it existed."""
        row = self._rows.pop(key, None)
        if row is None:
            return False
        if self._marks:
            self._marks[-1].setdefault(key, row)
        number, record = row
        self._move(key, number, record, None)
        del self._keys[number]
        return True

    def rows(
        self,
        *name: str,
        newest_first: bool = False,
        after: int | None = None,
        brief: bool = False,
        skip: int = 0,
        search: Search | None = None,
    ) -> Iterator[tuple[int, RecordT]]:
        """Iterate over the records of a list, which may change meanwhile."""
        while (after := self._next(name, after, newest_first=newest_first)) is not None:
            if skip > 0:
                skip -= 1
                continue
            _, record = self._rows[self._keys[after]]
            if search is None or search.accepts(record):
                yield after, self._kind.brief(record) if brief and self._kind.has_apart(record) else record

    def records(self, *name: str) -> Iterator[RecordT]:
        """Iterate over the records of a list."""
        return (record for _, record in self.rows(*name))

    def keys(self, *name: str) -> Iterator[Key]:
        """Iterate over the keys of a list, which may change meanwhile."""
        number = None
        while (number := self._next(name, number)) is not None:
            yield self._keys[number]

    def items(self) -> Iterator[tuple[Key, RecordT]]:
        """Iterate over all records with their keys."""
        return ((key, self._rows[key][1]) for _, key in sorted(self._keys.items()))

    def due(self, now: float) -> Iterator[Key]:
        """Iterate over the keys of the records that are due by a time."""
        if not self._due or self._due[0][0] > now:
            return iter(())
        return iter([key for _, key in self._due[: bisect_right(self._due, now, key=_time)]])

    def count(self, *name: str) -> int:
        """Return the number of records of a list."""
        if self._kind.parts is None:
            return len(self._lists.get(name, ()))
        return sum([len(self._lists.get(part, ())) for part in self._kind.parts(name)])

    def total(self, *name: str) -> int:
        """Return the sum of the amounts of the records of a list."""
        return sum([self._totals.get(part, 0) for part in self._kind.parts_of(name)])

    def counts(self, *name: str) -> dict[str, int]:
        """Return the number of records of each list below `name`."""
        return {part: len(self._lists[below]) for part, below in self._sublists.get(name, {}).items()}

    def delete_all(self, *prefix: str) -> None:
        """Remove every record whose key begins with `prefix`."""
        listed = prefix[: self._kind.prefix]
        for key in [key for key in (self.keys(*listed) if listed else self._rows) if key[: len(prefix)] == prefix]:
            self.delete(*key)

    def _next(self, name: Key, after: int | None, *, newest_first: bool = False) -> int | None:
        """Return the number in a list that follows another."""
        if not self._rows:
            return None
        following: list[int] = []
        for part in self._kind.parts_of(name):
            numbers = self._lists.get(part, ())
            if newest_first:
                place = (len(numbers) if after is None else bisect_left(numbers, after)) - 1
            else:
                place = 0 if after is None else bisect_right(numbers, after)
            if 0 <= place < len(numbers):
                following.append(numbers[place])
        return (max if newest_first else min)(following, default=None)

    def _move(self, key: Key, number: int, before: RecordT | None, after: RecordT | None) -> None:
        """Take a record out of the lists that it was in, and put it into those that it is in."""
        kind = self._kind
        if before is None or after is None or not kind.is_fixed:
            # Without lists, the prefixes are there for `delete_all`:
            old = () if before is None else kind.lists_of(key, before) or kind.prefixes_of(key)
            new = () if after is None else kind.lists_of(key, after) or kind.prefixes_of(key)
            subtracted = 0 if before is None else kind.amount(before)
            added = 0 if after is None else kind.amount(after)
            if old != new or subtracted != added:
                for name in old:
                    self._unlist(name, number, subtracted)
                for name in new:
                    self._list(name, number, added)
        if kind.due is not None:
            was, due = (None if record is None else kind.due_of(record) for record in (before, after))
            if was is not None:
                _remove(self._due, (was, key))
            if due is not None:
                insort(self._due, (due, key))

    def _list(self, name: Key, number: int, amount: int) -> None:
        numbers = self._lists.get(name)
        if numbers is None:
            self._lists[name] = [number]
            self._totals[name] = amount
            if name:
                self._sublists.setdefault(name[:-1], {})[name[-1]] = name
        else:
            insort(numbers, number)
            self._totals[name] += amount

    def _unlist(self, name: Key, number: int, amount: int) -> None:
        numbers = self._lists[name]
        _remove(numbers, number)
        self._totals[name] -= amount
        if numbers:
            return
        del self._lists[name], self._totals[name]
        if name:
            siblings = self._sublists[name[:-1]]
            del siblings[name[-1]]
            if not siblings:
                del self._sublists[name[:-1]]


def _remove(entries: list[Any], entry: Any) -> None:
    del entries[bisect_left(entries, entry)]


def _time(entry: tuple[float, Key]) -> float:
    return entry[0]
