"""From workflows to the names of their tools."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Final

# Clients prefix the names of tools, and some models take no more than 64 characters.
_LONGEST: Final = 40
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")
_LIKE_A_SUFFIX: Final = re.compile(r"(?:.*_)?[0-9a-f]{8}")


def tool_names(names: Mapping[str, str | None]) -> dict[str, str]:
    """Return the name of each workflow's tool: `run_` and what ASCII keeps of the workflow's name.

    A name that is too long, is the same as another's, or does not survive in ASCII, is followed by a hash of the
    workflow's id. Names depend on the set of workflows, not on their order.

    Args:
        names: The name of each workflow, by its id.

    Returns:
        Distinct names of lower-case letters, digits and `_`, by the id of the workflow.

    Example:
        >>> tool_names({"wf-1": "Sort the mail"})
        {'wf-1': 'run_sort_the_mail'}
    """
    slugs = {workflow_id: _slug(name or "") for workflow_id, name in names.items()}
    count = Counter(slug for slug, _ in slugs.values())
    return {
        workflow_id: f"run_{slug}" if is_whole and count[slug] == 1 else _with_hash(slug, workflow_id)
        for workflow_id, (slug, is_whole) in slugs.items()
    }


def _slug(name: str) -> tuple[str, bool]:
    """Return what ASCII keeps of a name, and whether it can stand for the name alone."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    kept = decomposed.encode("ascii", "ignore").decode()
    slug = _SEPARATORS.sub("_", kept).strip("_")
    has_lost_letters = sum(map(str.isalnum, decomposed)) > sum(map(str.isalnum, kept))
    is_whole = bool(slug) and not has_lost_letters and len(slug) <= _LONGEST
    # A name that ends as if in a hash could be made to equal another workflow's.
    return slug[:_LONGEST].strip("_"), is_whole and not _LIKE_A_SUFFIX.fullmatch(slug)


def _with_hash(slug: str, workflow_id: str) -> str:
    digest = hashlib.sha256(workflow_id.encode()).hexdigest()[:8]
    return f"run_{slug}_{digest}" if slug else f"run_{digest}"
