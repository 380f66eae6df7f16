"""Finding the next page of a list (choice: the documentation names no parameter)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from fibonacci._core.json_types import is_object
from fibonacci._core.urls import QueryValue

# Compiled on first use: most servers send no link.
_LINK = r"<([^<>]*)>\s*((?:;\s*[^,;=\s]+\s*(?:=\s*(?:\"[^\"]*\"|[^,;\"]*))?\s*)*)"
_REL_NEXT = r";\s*rel\s*=\s*(?:\"\s*(?:(?!next[\s\"])[^\"\s]+\s+)*next[\s\"]|next(?=[\s;,]|$))"


def next_params(meta: Mapping[str, Any], link: str, url: str) -> dict[str, QueryValue] | None:
    """Return the query parameters to add for the next page, or None when this page is the last.

    Looked for in this order: `next_cursor` in `meta` or `meta.pagination`; `page` and `total_pages` there; a `Link`
    header with rel="next" to the same path on the same origin.

    Args:
        meta: The `meta` of the page.
        link: The `Link` header; empty for none.
        url: The URL of the page, to resolve the link and to compare it with.
    """
    inner = meta.get("pagination")
    places = [meta, inner] if is_object(inner) else [meta]
    for place in places:
        cursor = place.get("next_cursor")
        if isinstance(cursor, str | int) and not isinstance(cursor, bool) and cursor != "":
            return {"cursor": cursor}
    for place in places:
        page, pages = place.get("page"), place.get("total_pages")
        if isinstance(page, int) and isinstance(pages, int) and page < pages:
            return {"page": page + 1}
    return _linked_params(link, url)


def _linked_params(link: str, url: str) -> dict[str, QueryValue] | None:
    for target, attributes in re.findall(_LINK, link):
        if re.search(_REL_NEXT, attributes, re.IGNORECASE):
            try:
                here, there = urlsplit(url), urlsplit(urljoin(url, target))
            except ValueError:
                return None
            # The key must not go to another origin, and another path is another list.
            if (here.scheme, here.netloc, here.path) == (there.scheme, there.netloc.lower(), there.path):
                return dict(parse_qsl(there.query, keep_blank_values=True))
            return None
    return None
