"""The page of the errors, from the classes, from the rules that choose and retry them, and from the troubleshooting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from inspect import cleandoc, getdoc
from typing import Final

from fibonacci import FibonacciError, emulator, errors, transports
from tests.tools.markdown import ROOT, heading_fragment
from tests.tools.reference.retried import FailedCall, failures
from tests.tools.reference.tables import code, plain, table

TROUBLESHOOTING: Final = ROOT / "docs" / "how-to" / "troubleshooting.md"

_BEGIN: Final = """\
# Error table

Which failure becomes which error, and whether the client sends the request again. The tables are derived from the rules
that choose and retry the errors, and from the classes. [Errors](errors.md) has the tree of the classes, their
attributes and [what to do about each](errors.md#remedies). [Find the cause of an
error](../how-to/troubleshooting.md) goes by the text of a message.

## What becomes which error

The columns of the methods say what a client with the default options does: *retried* for as long as `max_retries` and
the time of the call allow it, *raised* at once, or raised with `outcome_unknown=True` (*unknown*).
"""

_OTHERS: Final = """\
## Errors of other modules

They are about an emulator's files, or stay between a client and its transport.
"""


def error_table_page() -> str:
    """Return the page."""
    found = failures()
    parts = [_BEGIN, _failure_table(found), "", "## The classes"]
    sections = _sections_by_class()
    for name in errors.__all__:
        of_class = [failure for failure in found if failure.error == name]
        parts += ["", *_section(getattr(errors, name), of_class, sections.get(name, []))]
    return "\n".join([*parts, "", _OTHERS, _other_errors()]) + "\n"


def _other_errors() -> str:
    """Return the table of the public errors of other modules."""
    rows = [
        [code(f"{module.__name__}.{name}"), code(found.__bases__[0].__name__), plain(_summary(found))]
        for module in (transports, emulator)
        for name in dir(module)
        if isinstance(found := getattr(module, name), type) and issubclass(found, Exception)
    ]
    return table(["Error", "Is also", "Raised for"], rows)


def _summary(cls: type) -> str:
    return " ".join((getdoc(cls) or "").partition("\n\n")[0].split())


def _failure_table(found: list[FailedCall]) -> str:
    header = ["What happened", "Error", "GET, PUT, DELETE", "POST, PATCH"]
    return table(header, [[failure.what, _link(failure.error), failure.get, failure.post] for failure in found])


def _section(cls: type[FibonacciError], found: list[FailedCall], pages: list[str]) -> list[str]:
    name = cls.__name__
    bases = [_link(base.__name__) for base in cls.__mro__[1:] if base.__name__ in errors.__all__]
    bases += [base.__name__ for base in cls.__mro__ if base in (ValueError, TimeoutError)]
    rows = [["Is also", ", ".join(bases) or "Exception"]]
    rows += [["Raised for", "; ".join(failure.what for failure in found)]] if found else []
    rows += [["Retried", _retried(found)]] if found else []
    rows += [["Messages", ", ".join(pages)]] if pages else []
    text = cleandoc(getdoc(cls) or "").partition("\n\nExample:\n")[0]
    return [f"### {name}", "", text, "", table(["Property", "Value"], rows)]


def _retried(found: list[FailedCall]) -> str:
    answers = {answer for failure in found for answer in (failure.get, failure.post)}
    return "See [the table](#what-becomes-which-error)" if "retried" in answers else "Never"


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _sections_by_class() -> Mapping[str, list[str]]:
    """Return links to the sections of the troubleshooting page that name an error, by its class."""
    found: dict[str, list[str]] = {}
    for text in re.split(r"^(?=#{2,3} )", TROUBLESHOOTING.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        title = text.partition("\n")[0].lstrip("# ")
        link = f"[{plain(title.replace('`', ''))}](../how-to/troubleshooting.md#{heading_fragment(title)})"
        for name in errors.__all__:
            if f"`{name}`" in text:
                found.setdefault(name, []).append(link)
    return found
