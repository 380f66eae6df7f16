"""A bound on what parsing may cost: a small JSON document can become objects of a hundred times its size."""

from __future__ import annotations

import re
from itertools import islice

from fibonacci._core.compression import TooLargeError

#: The most values in a response, the names of members included, with the default `max_response_bytes`.
MAX_VALUES = 1024 * 1024
#: With a larger `max_response_bytes`, one value more for each so many bytes.
BYTES_PER_VALUE = 64

# One separator for each match, and what is before it: a string is skipped whole. The quantifiers are possessive, so
# that no text makes the search go back, or take memory.
_TO_SEPARATOR = re.compile(rb'(?:[^,:\[{"]++|"(?:[^"\\]++|\\.)*+"?)*+(?:[,:\[{]|\Z)', re.DOTALL)


def max_values(max_response_bytes: int) -> int:
    """Return how many values a response may have."""
    return max(MAX_VALUES, max_response_bytes // BYTES_PER_VALUE)


def check_values(body: bytes, limit: int) -> None:
    """Check, before it is parsed, that a JSON document has no more values than the limit.

    Before each value, except the first, is a comma, a colon or an opening bracket. All of them are counted at first, at
    the cost of a few percent of the parsing; only if they are too many, those within strings are left out. The depth
    needs no check: the parser refuses more than 200 levels.

    Raises:
        TooLargeError: If it has more.
    """
    if len(body) - len(body.translate(None, b",:[{")) < limit:
        return
    # The end of the body matches twice.
    if sum(1 for _ in islice(_TO_SEPARATOR.finditer(body), limit + 2)) > limit + 1:
        raise TooLargeError(
            f"the body has more than {limit:,} JSON values;"
            f" if it is meant to, pass a larger max_response_bytes: it allows one value for each {BYTES_PER_VALUE} bytes"
        )
