"""Help with misspelled names. It imports difflib only if a name is wrong."""

from __future__ import annotations

TYPE_CHECKING = False  # not imported from typing, for the reason in lazy.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

_MAX_CANDIDATES = 300  # each is compared letter by letter


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known word that another resembles most, or None if it resembles none, or if there are too many.

    Args:
        word: The word.
        known: The known words.
        cutoff: How much it has to resemble a known word at least, from 0 to 1.
    """
    from difflib import get_close_matches
    from itertools import islice

    candidates = list(islice(known, _MAX_CANDIDATES + 1))
    near = get_close_matches(word, candidates, n=1, cutoff=cutoff) if len(candidates) <= _MAX_CANDIDATES else []
    return near[0] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message that suggests the nearest known word. Empty if none is near."""
    near = nearest(word, known)
    return f". Did you mean {near!r}?" if near else ""


_OTHER_WORDS = {
    "WorkflowBuilder.run": "To run it: client.workflows.run(client.workflows.ensure(flow))",
    **dict.fromkeys(
        ("WorkflowBuilder.svg", "WorkflowBuilder.mermaid", "WorkflowBuilder.png"),
        "To draw it, use svg(flow) or mermaid(flow) of fibonacci.definitions",
    ),
    "Emulator.mock": (
        "To set the answers of a node, use script(...). To call your function, use @emulator.llm or @emulator.tool"
    ),
}
"""What to write instead of a word that people try, by the class and the word, where no name resembles it."""


def missing_attribute(owner: object, name: str, known: Callable[[], Iterable[str]] | None = None) -> AttributeError:
    """Return the error for a missing attribute, whose text has the nearest name that exists.

    For a name of fibonacci-sdk 0.2.4, the text has its replacement. The error has no `obj`, for which Python would add
    the same suggestion.

    Args:
        owner: The object.
        name: The attribute.
        known: Returns the attributes that the object has. Default: those that `dir` lists.
    """
    kind = type(owner).__name__
    if name.startswith("_"):  # of a protocol that a library looks for, not of a person
        return AttributeError(f"{kind} has no attribute {name!r}", name=name)
    from fibonacci._texts.migration import renamed

    qualified = f"{kind.removeprefix('Async')}.{name}"
    if message := renamed(qualified):
        return AttributeError(message, name=name)
    known_names = dir(owner) if known is None else known()
    names = dict.fromkeys(name for name in known_names if not name.startswith("_"))
    remedy = _OTHER_WORDS.get(qualified) or did_you_mean(name, names).removeprefix(". ") or f"It has {', '.join(names)}"
    return AttributeError(f"{kind} has no attribute {name!r}. {remedy}", name=name)


class Hinted:
    """An object that explains a misspelt attribute."""

    __slots__ = ()

    if not TYPE_CHECKING:  # type checkers would think that every attribute exists

        def __getattr__(self, name: str) -> NoReturn:
            raise missing_attribute(self, name)


class HintedList(Hinted):
    """Explains also why this list has no index."""

    __slots__ = ()

    _as_list = "take(n)"

    if not TYPE_CHECKING:

        def __getitem__(self, index: object) -> NoReturn:
            raise TypeError(f"{type(self).__name__} has no index: loop over it, or call {self._as_list} for a list")
