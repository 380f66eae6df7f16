"""The codes of the problems that the checks find, each with its severity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fibonacci.definitions.problems import Problem, Severity

INVALID: Final = (
    "bad_id", "bad_operator", "bad_template", "conflicting_spellings", "cycle", "duplicate_id",
    "invalid_value", "missing_field", "misspelled_node_type", "no_nodes", "not_json", "unknown_branch_target",
    "unknown_critic_target", "unknown_dependency", "unknown_error_handler", "unknown_fallback",
    "unknown_template_source", "wrong_type",
)  # fmt: skip
"""The errors with which a definition has no meaning: the emulator refuses them, also when it is not strict."""

SEVERITIES: Final[Mapping[str, Severity]] = {
    **dict.fromkeys(
        (
            *INVALID, "bad_schema", "misspelled_schema_keyword", "missing_parameter", "not_a_number", "unknown_field",
            "unknown_input", "unknown_parameter", "unknown_property", "unknown_tool", "wrong_parameter_type",
        ),
        "error",
    ),
    **dict.fromkeys(
        (
            "constant_condition", "critic_of_no_answer", "empty_instruction", "foreign_template", "high_temperature",
            "in_both_branches", "may_have_no_value", "missing_output", "never_matches", "no_branches", "no_effect",
            "output_without_value", "reserved_id", "single_braces", "unclosed_template", "unknown_category",
            "unknown_key", "unknown_model", "unknown_node_type", "unknown_output_format", "unknown_schema_keyword",
            "unreachable_node", "unused_node",
        ),
        "warning",
    ),
}  # fmt: skip
"""What cannot run, or is refused by the platform as documented, is an error; the rest are warnings."""

MAY_HAPPEN: Final = frozenset({"may_have_no_value"})
"""The problems that a run may have or not. The others are about what is written, which a strict emulator refuses."""


def problem(location: str, code: str, message: str, *, offset: int | None = None) -> Problem:
    """Return a problem with the severity of its code."""
    return Problem(location=location, code=code, message=message, severity=SEVERITIES[code], offset=offset)
