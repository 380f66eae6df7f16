"""The pages by their paths below `/ui`, and the actions that their forms send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fibonacci.emulator.page.context import Action, View
from fibonacci.emulator.page.views import approvals, controls, governance, log, organization, overview, runs, workflows

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
    "/workflows/{workflow_id}/versions/{version}": workflows.show_version,
    "/organization": organization.show,
    "/governance": governance.show,
    "/audit": governance.show_audit,
    "/requests": log.show_requests,
    "/requests/{number}": log.show_request,
    "/warnings": log.show_warnings,
    "/scripts": controls.show_scripts,
    "/failures": controls.show_failures,
    "/clock": controls.show_clock,
}
ACTIONS: Final[Mapping[str, Action]] = {
    "/runs/{execution_id}/again": runs.run_again,
    "/runs/{execution_id}/resume": runs.resume,
    "/runs/{execution_id}/cancel": runs.cancel,
    "/runs/{execution_id}/decision": approvals.decide,
    "/workflows/{workflow_id}/execute": workflows.execute,
    "/workflows/{workflow_id}/versions/{version}/rollback": workflows.rollback,
    "/registry/{workflow_id}/{step}": workflows.change_registry,
    "/memory/{number}/delete": organization.delete_value,
    "/governance": governance.change,
    "/governance/policies": governance.create_policy,
    "/governance/policies/{tool_name}/delete": governance.delete_policy,
    "/governance/overrides": governance.create_override,
    "/requests/clear": log.clear_requests,
    "/scripts/add": controls.add_script,
    "/scripts/clear": controls.clear_scripts,
    "/failures/inject": controls.inject,
    "/failures/clear": controls.clear_failures,
    "/clock/advance": controls.advance,
}
