"""Names of tools: what any client takes, distinct and stable, whatever a workflow is called."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from fibonacci.cli.mcp_server.workflow_tools import tool_names

HASH = "_[0-9a-f]{8}"


def test_a_tool_is_named_after_its_workflow() -> None:
    expected: list[tuple[str | None, str]] = [
        ("triage", "run_triage"),
        ("Sort the mail", "run_sort_the_mail"),
        ("get_execution", "run_get_execution"),
        ("Straße für Änderungen", "run_strasse_fur_anderungen"),
        ("a/../b\n\0; rm -rf", "run_a_b_rm_rf"),
        ("報告", f"run{HASH}"),
        ("報告 weekly", f"run_weekly{HASH}"),
        ("", f"run{HASH}"),
        (None, f"run{HASH}"),
        ("\u202e\u200b", f"run{HASH}"),
        ("x" * 300, f"run_{'x' * 40}{HASH}"),
        ("triage 0a1b2c3d", f"run_triage_0a1b2c3d{HASH}"),
        ("0a1b2c3d", f"run_0a1b2c3d{HASH}"),
    ]
    for name, pattern in expected:
        assert re.fullmatch(pattern, tool_names({"wf-1": name})["wf-1"]), name


def test_workflows_of_one_name_are_told_apart_in_any_order() -> None:
    names: dict[str, str | None] = {"wf-1": "Triage", "wf-2": "triage", "wf-3": "other"}
    found = tool_names(names)
    assert found["wf-3"] == "run_other"
    assert re.fullmatch(f"run_triage{HASH}", found["wf-1"])
    assert re.fullmatch(f"run_triage{HASH}", found["wf-2"])
    assert found["wf-1"] != found["wf-2"]
    assert tool_names(dict(reversed(names.items()))) == found


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=60), max_size=8))
def test_names_of_tools_are_distinct_and_plain_whatever_workflows_are_called(names: dict[str, str]) -> None:
    found = list(tool_names(names).values())
    assert len(set(found)) == len(names)
    assert all(re.fullmatch("run_[a-z0-9_]{1,60}", name) for name in found)
