"""The categories of a workflow, derived from its definition. They decide whether a run requires approval.

A definition has the categories that it names itself, as in `{"categories": ["financial"], "nodes": [...]}`, those of
its tools in the catalog, and those of the words in its tools' names: `slack_send_message` and `email_send` are external
communication, `file_write` is a public write, `grant_access` a permission change, `refund_payment` financial. Names
count because a tool need not be in the catalog.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.tool_catalog import TOOLS, find_tool
from fibonacci.emulator.engine.user_handlers import UserHandlers

EXTERNAL_COMM: Final = "external_comm"
PUBLIC_WRITES: Final = "public_writes"
PERMISSION_CHANGES: Final = "permission_changes"

_WORDS: Final[Mapping[str, str]] = {
    EXTERNAL_COMM: "discord email fax http mail message notify send slack sms teams webhook",
    PUBLIC_WRITES: "http post publish share tweet upload write",
    PERMISSION_CHANGES: "acl grant invite permission permissions revoke role roles",
    "financial": "bank charge invoice pay payment payments payout refund stripe transfer",
    "pii": "contact contacts crm customer customers passport patient patients ssn",
}
_KNOWN: Final = {category: frozenset(words.split()) for category, words in _WORDS.items()}


def tools_of(definition: object) -> list[str]:
    """Return the names of the tools in a definition, each once, in order, in the underscore spelling."""
    if not is_object(definition) or not is_array(definition["nodes"]):
        return []
    return list(dict.fromkeys(canonical_tool(node["tool"]) for node in definition["nodes"] if node["type"] == "tool"))


def categories_of(definition: Mapping[str, Any] | None, handlers: UserHandlers | None = None) -> frozenset[str]:
    """Return the categories of a valid definition; with the handlers, also those of the user's own tools.

    Example:
        >>> node = {"id": "a", "type": "tool", "tool": "email_send"}
        >>> sorted(categories_of({"categories": ["pii"], "nodes": [node]}))
        ['communication', 'external_comm', 'pii']
    """
    return frozenset() if definition is None else frozenset(_categories(definition, handlers or UserHandlers()))


def categories_named_by(definition: Mapping[str, Any]) -> list[str]:
    """Return the categories that a definition names itself."""
    named = definition.get("categories")
    return [name for name in named if isinstance(name, str)] if is_array(named) else []


def misspelled_category(name: str) -> str | None:
    """Return the category that a name resembles; `None` if it is one itself, or resembles none."""
    from fibonacci.definitions.checks.without_effect import nearest_category  # it would slow the start

    return nearest_category(name, {str(tool["category"]) for tool in TOOLS.values()})


def _categories(definition: Mapping[str, Any], handlers: UserHandlers) -> Iterator[str]:
    yield from categories_named_by(definition)
    for tool in tools_of(definition):
        known_tool = find_tool(handlers, tool)
        if known_tool is not None:
            yield known_tool["category"]
        words = set(tool.lower().replace("-", "_").split("_"))
        yield from (category for category, known in _KNOWN.items() if not known.isdisjoint(words))
