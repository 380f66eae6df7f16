"""What a new node refers to: the nodes that it depends on, and mistakes in its templates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.authoring.handles import warn_of
from fibonacci.definitions.links import FOLLOWING, BadTemplate, Link, node_links
from fibonacci.definitions.templates import single_braced, strings


def dependencies(node: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """Return the ids of the nodes that a node depends on: the given ones, then those of its templates, then its target.

    Args:
        node: The node in JSON.
        known: The ids of the nodes before it.

    Returns:
        The ids in order, each once.

    Raises:
        ValueError: If a template cannot be parsed, or names a node that is not there yet.
    """
    links = [link for link in node_links(node) if not _is_of_another_kind(link, known)]
    before = [link.target for link in refuse_unknown(links, known) if link.kind not in FOLLOWING]
    return list(dict.fromkeys(before))


def _is_of_another_kind(link: Link | BadTemplate, known: Collection[str]) -> bool:
    """Tell whether a template in a node of an unknown type names no node: it may name something that the type has."""
    return isinstance(link, Link) and link.kind == "mention" and link.target not in known


def refuse_unknown(links: Iterable[Link | BadTemplate], known: Collection[str]) -> list[Link]:
    """Return the links, all of them to nodes that are there.

    Raises:
        ValueError: If a template cannot be parsed, or names a node that is not there yet.
    """
    return [_known(link, known) for link in links]


def warn_of_single_braces(value: object, known: Collection[str]) -> None:
    """Warn of `{input.name}`: what an f-string makes of `{{input.name}}`."""
    for _, text in strings(value):
        for _, name in single_braced(text, known):
            warn_of(f"{{{name}}} is no template: in an f-string write the value itself, or double the braces once more")


def _known(link: Link | BadTemplate, known: Collection[str]) -> Link:
    if isinstance(link, BadTemplate):
        raise ValueError(f"{link.location}: {link.reason}")
    if link.target in known:
        return link
    remedy = did_you_mean(link.target, known) or "; add that node first, and insert what it returned"
    raise ValueError(f"{link.location}: {{{{{link.target}}}}} names no node that is there yet{remedy}")
