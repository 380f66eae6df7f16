"""The pages by their paths below `/ui`, and the actions that their forms send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fibonacci.emulator.page.context import Action, View
from fibonacci.emulator.page.views import (
    approvals,
    controls,
    log,
    organization,
    overview,
    resources,
    runs,
    versions,
    workflows,
)

VIEWS: Final[Mapping[str, View]] = {
    "/overview": overview.show,
    "/runs": runs.show_list,
    "/runs/{execution_id}": runs.show_run,
    "/runs/{execution_id}/again": runs.show_again,
    "/runs/{execution_id}/diagram.svg": runs.show_run_diagram,
    "/approvals": approvals.show_list,
    "/workflows": workflows.show_list,
    "/workflows/{workflow_id}": workflows.show,
    "/workflows/{workflow_id}/diagram.svg": workflows.show_diagram,
    "/workflows/{workflow_id}/versions": versions.show_list,
    "/workflows/{workflow_id}/versions/{version}": versions.show,
    "/workflows/{workflow_id}/compare": versions.compare,
    "/registry": organization.show_registry,
    "/governance": organization.show_governance,
    "/audit": organization.show_audit,
    "/keys": organization.show_keys,
    "/requests": log.show_requests,
    "/requests/{number}": log.show_request,
    "/memory": resources.show_memory,
    "/memory/{number}": resources.show_value,
    "/tools": resources.show_tools,
    "/limits": controls.show_limits,
    "/failures": controls.show_failures,
    "/clock": controls.show_clock,
    "/warnings": log.show_warnings,
}
ACTIONS: Final[Mapping[str, Action]] = {
    "/runs/{execution_id}/again": runs.run_again,
    "/runs/{execution_id}/cancel": runs.cancel,
    "/runs/{execution_id}/decision": approvals.decide,
    "/workflows/{workflow_id}/execute": workflows.execute,
    "/workflows/{workflow_id}/versions/{version}/rollback": versions.rollback,
    "/registry/{workflow_id}": organization.change_registry,
    "/requests/clear": log.clear_requests,
    "/memory/{number}/delete": resources.delete_value,
    "/failures/inject": controls.inject,
    "/failures/clear": controls.clear_failures,
    "/clock/advance": controls.advance,
}
