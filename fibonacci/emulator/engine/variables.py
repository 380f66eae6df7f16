"""The values of `{{env.NAME}}` and `{{secrets.NAME}}`, which can be changed while the emulator runs."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping, MutableMapping
from typing import Final

from fibonacci.definitions.templates import TemplateError, parse


class Variables(MutableMapping[str, str]):
    """Texts by name; safe to use from many threads.

    Args:
        source: The first part of their templates, `env` or `secrets`.
        values: The first values.

    Raises:
        ValueError: If no template can have such a name.
        TypeError: If a value is not a text.

    Example:
        >>> variables = Variables("env", {"TEAM": "Tides"})
        >>> variables["TEAM"] = "Moon"
        >>> dict(variables)
        {'TEAM': 'Moon'}
    """

    def __init__(self, source: str, values: Mapping[str, str]) -> None:
        self._source: Final = source
        self._values: Mapping[str, str] = {}  # replaced and never changed in place, so that readers need no lock
        for name, value in values.items():
            self[name] = value

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __setitem__(self, name: str, value: object) -> None:
        if not self._is_name(name):
            raise ValueError(f"{self._source} has no such names as {name!r}: a name has no spaces, dots and braces")
        if not isinstance(value, str):
            raise TypeError(f"{self._source}[{name!r}] is a text, not of type {type(value).__name__}")
        self._values = {**self._values, name: value}

    def __delitem__(self, name: str) -> None:
        if name not in self._values:
            raise KeyError(name)
        self._values = {other: value for other, value in self._values.items() if other != name}

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def items(self) -> ItemsView[str, str]:
        """Return names and values as they are now."""
        return self._values.items()

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    def _is_name(self, name: object) -> bool:
        if not isinstance(name, str) or not name.isprintable():
            return False
        try:
            return parse(f"{self._source}.{name}").path == (name,)
        except TemplateError:
            return False


class Secrets(Variables):
    """Texts by name that no trace and no repr shows."""

    def __init__(self, source: str, values: Mapping[str, str]) -> None:
        self._ever: frozenset[tuple[str, str]] = frozenset()
        super().__init__(source, values)

    @property
    def ever_named(self) -> frozenset[tuple[str, str]]:
        """Every name with every value that it has had: what ran before a change may have passed the old one on."""
        return self._ever

    @property
    def ever(self) -> Iterable[str]:
        """Every value that a secret has had."""
        return (value for _, value in self._ever)

    def __setitem__(self, name: str, value: object) -> None:
        super().__setitem__(name, value)
        self._ever |= {(name, self[name])}

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, "***"))
