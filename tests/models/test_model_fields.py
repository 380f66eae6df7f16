"""The fields and properties of the models."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from fibonacci.models import (
    Execution,
    GovernanceSettings,
    Health,
    MemoryEntry,
    Quota,
    SecretsHealth,
    ToolPolicy,
    Workflow,
)
from tests.kit.assertions import each_row
from tests.kit.responses import received


class TestExecution:
    @each_row(
        ("document", "expected"),
        [
            ({"execution_id": "exec_1"}, "exec_1"),
            ({"id": "exec_2"}, "exec_2"),
            ({"execution_id": None, "id": "exec_3"}, "exec_3"),
            ({"execution_id": "", "id": "exec_3"}, "exec_3"),
            ({"execution_id": "exec_4", "id": "row-9"}, "exec_4"),
        ],
    )
    def test_either_name_of_the_id(self, document: dict[str, Any], expected: str) -> None:
        made = Execution.model_validate(document)
        assert made.id == expected
        assert made.model_dump(mode="json") == document

    @each_row("document", [{}, {"id": None}, {"execution_id": ""}, {"id": 7}])
    def test_an_id_is_required(self, document: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            Execution.model_validate(document)

    @each_row(
        ("status", "terminal", "succeeded"),
        [
            ("completed", True, True),
            ("failed", True, False),
            ("cancelled", True, False),
            ("running", False, False),
            ("pending", False, False),
            ("pending_approval", False, False),
            ("invented", False, False),
            (None, False, False),
        ],
    )
    def test_terminal_states(self, status: str | None, terminal: bool, succeeded: bool) -> None:
        made = Execution.model_validate({"id": "e", "status": status})
        assert (made.is_terminal, made.succeeded) == (terminal, succeeded)

    def test_outputs_may_be_null_or_missing(self) -> None:
        assert Execution.model_validate({"id": "e", "outputs": None}).outputs == {}
        assert Execution.model_validate({"id": "e"}).outputs == {}
        assert Execution.model_validate({"id": "e", "outputs": {"a": 1}}).outputs == {"a": 1}

    def test_the_further_name_of_the_id_is_no_attribute(self) -> None:
        made: Any = Execution.model_validate({"execution_id": "exec_1"})
        assert not hasattr(made, "execution_id")
        with pytest.raises(AttributeError, match=r"Execution has no attribute 'execution_id'\. It has id"):
            _ = made.execution_id
        assert made.model_extra == {"execution_id": "exec_1"}
        assert "execution_id" not in made.to_dict()


class TestTrace:
    def test_it_is_read_as_models(self) -> None:
        document = {"id": "e", "trace": [{"id": "a", "started_at": "2026-11-25T01:02:03Z", "attempts": 2, "new": 1}]}
        made = Execution.model_validate(document)
        (node,) = made.trace or []
        assert (node.id, node.attempts, node.ended_at, node.to_dict()["new"]) == ("a", 2, None, 1)
        assert node.started_at == datetime(2026, 11, 25, 1, 2, 3, tzinfo=UTC)
        assert made.model_dump(mode="json") == document

    @each_row("trace", [None, "text", {"a": 1}, ["a"], [{"id": []}], [{"name": "a"}]])
    def test_another_form_of_it_is_kept_and_read_as_none(self, trace: Any) -> None:
        made = Execution.model_validate({"id": "e", "trace": trace})
        assert (made.trace, made.model_extra) == (None, {"trace": trace})

    def test_it_may_be_missing_or_empty(self) -> None:
        assert Execution.model_validate({"id": "e"}).trace is None
        assert Execution.model_validate({"id": "e", "trace": []}).trace == []


class TestEmptyMaps:
    def test_null_reads_as_empty(self) -> None:
        quota = Quota.model_validate(dict.fromkeys(("plan", "limits", "overrides", "effective")))
        assert (quota.limits, quota.overrides, quota.effective) == ({}, {}, {})
        assert GovernanceSettings.model_validate({"category_flags": None}).category_flags == {}
        assert ToolPolicy.model_validate({"tool_name": "t", "allowed_roles": None}).allowed_roles == []
        assert SecretsHealth.model_validate({}).checks == {}


class TestTimes:
    @each_row(
        ("text", "expected"),
        [
            ("2026-11-25T01:02:03Z", datetime(2026, 11, 25, 1, 2, 3, tzinfo=UTC)),
            ("2026-11-25T02:02:03+01:00", datetime(2026, 11, 25, 1, 2, 3, tzinfo=UTC)),
            ("2026-11-25T01:02:03.250Z", datetime(2026, 11, 25, 1, 2, 3, 250_000, tzinfo=UTC)),
            ("2026-11-25", datetime(2026, 11, 25)),
            ("yesterday", None),
            ("", None),
            (None, None),
            (1_800_000_000, datetime(2027, 1, 15, 8, tzinfo=UTC)),
            ("1800000000", datetime(2027, 1, 15, 8, tzinfo=UTC)),
            ("NaN", None),
            (10**30, None),
            (True, None),
            ({"$date": 1}, None),
        ],
    )  # fmt: skip
    def test_what_is_a_time_is_one_and_all_is_kept(self, text: Any, expected: datetime | None) -> None:
        document = {"id": "wf-1", "created_at": text, "updated_at": text}
        made = Workflow.model_validate(document)
        assert made.created_at == made.updated_at == expected
        assert made.model_extra == {"created_at": text, "updated_at": text}
        assert made.model_dump(mode="json") == document
        assert MemoryEntry.model_validate({"expires_at": text}).expires_at == expected

    def test_a_time_zone_is_kept(self) -> None:
        created = Workflow.model_validate({"id": "w", "created_at": "2026-11-25T02:02:03+01:00"}).created_at
        assert created is not None
        assert created.utcoffset() == timedelta(hours=1)


class TestHealth:
    @each_row(("status", "healthy"), [("healthy", True), ("ok", True), ("degraded", False), (None, False)])
    def test_healthy_by_status(self, status: str | None, healthy: bool) -> None:
        made = Health.model_validate({"status": status})
        assert made.healthy is bool(made) is healthy
        assert bool(SecretsHealth.model_validate({"status": status})) is healthy

    def test_not_healthy_with_an_http_error_status(self) -> None:
        assert received(Health.model_validate({"status": "healthy"}), status_code=200).healthy
        assert not received(Health.model_validate({"status": "healthy"}), status_code=503).healthy
        assert not received(SecretsHealth.model_validate({"status": "healthy"}), status_code=503)
