"""The codes of the problems that the checks find, each with its severity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fibonacci.definitions.problems import Problem, Severity

SEVERITIES: Final[Mapping[str, Severity]] = {
    **dict.fromkeys(
        (
            "bad_id", "bad_operator", "bad_template", "conflicting_spellings", "cycle", "duplicate_id",
            "invalid_value", "missing_field", "misspelled_node_type", "no_nodes", "not_json", "unknown_branch_target",
            "unknown_critic_target", "unknown_dependency", "unknown_error_handler", "unknown_fallback",
            "unknown_template_source", "unknown_tool", "wrong_type",
            "not_a_number", "unknown_field", "unknown_input",
        ),
        "error",
    ),
    **dict.fromkeys(
        (
            "constant_condition", "empty_instruction", "high_temperature", "in_both_branches", "missing_output",
            "no_branches", "output_without_value", "reserved_id",
            "single_braces", "unclosed_template", "unknown_key",
            "unknown_model", "unknown_node_type", "unknown_output_format", "unreachable_node", "unused_node",
            "critic_of_no_answer", "foreign_template", "may_have_no_value", "never_matches",
        ),
        "warning",
    ),
}  # fmt: skip
"""What cannot run, or is refused by the platform as documented, is an error; the rest are warnings."""


def problem(location: str, code: str, message: str, *, offset: int | None = None) -> Problem:
    """Return a problem with the severity of its code."""
    return Problem(location=location, code=code, message=message, severity=SEVERITIES[code], offset=offset)
