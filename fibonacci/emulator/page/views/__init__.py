"""The pages by their paths below `/ui`, and the actions that their forms send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fibonacci.emulator.page.context import Action, View
from fibonacci.emulator.page.views import (
    approvals,
    clock,
    failures,
    limits,
    memory,
    overview,
    requests,
    run,
    runs,
    tools,
    warnings,
    workflows,
)

VIEWS: Final[Mapping[str, View]] = {
    "/overview": overview.show,
    "/runs": runs.show_list,
    "/runs/{execution_id}": run.show,
    "/runs/{execution_id}/diagram.svg": run.show_diagram,
    "/approvals": approvals.show_list,
    "/workflows": workflows.show_list,
    "/workflows/{workflow_id}": workflows.show,
    "/workflows/{workflow_id}/diagram.svg": workflows.show_diagram,
    "/requests": requests.show_list,
    "/requests/{number}": requests.show,
    "/memory": memory.show_list,
    "/memory/{number}": memory.show,
    "/tools": tools.show_list,
    "/limits": limits.show,
    "/failures": failures.show_list,
    "/clock": clock.show,
    "/warnings": warnings.show_list,
}
ACTIONS: Final[Mapping[str, Action]] = {
    "/runs/{execution_id}/cancel": run.cancel,
    "/runs/{execution_id}/decision": approvals.decide,
    "/workflows/{workflow_id}/execute": workflows.execute,
    "/requests/clear": requests.clear,
    "/memory/{number}/delete": memory.delete,
    "/failures/inject": failures.inject,
    "/failures/clear": failures.clear,
    "/clock/advance": clock.advance,
}
