"""What is compared with the workflow before any row is started: a column that is misspelled is so in every row."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fibonacci._batch.row import Row
from fibonacci.definitions.checks.inputs import check_inputs, in_one_line

_log = logging.getLogger("fibonacci")


def check_first_row(row: Row, definition: Mapping[str, Any] | None, key_column: str | None) -> None:
    """Check the first row that is started. What may be meant is logged.

    Args:
        row: The row.
        definition: The definition of the workflow; None where the platform does not send it.
        key_column: The column that has the key, which need not be an input; None for none.

    Raises:
        ValueError: If its inputs are not what the workflow needs.
    """
    problems = check_inputs(definition, row.inputs)
    if problems.errors:
        text = in_one_line(problems.errors)
        raise ValueError(f"row {row.index} is not what the workflow needs, so no row is started: {text}")
    for problem in problems:
        if problem.location != f"inputs.{key_column}":
            _log.info("row %s: %s", row.index, in_one_line([problem]))
