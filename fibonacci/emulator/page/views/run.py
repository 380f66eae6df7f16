"""One run: its state, its diagram, and the trace of each node."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from fibonacci.definitions import svg
from fibonacci.emulator.engine.records import TERMINAL, WAITING
from fibonacci.emulator.http.messages import ServerResponse
from fibonacci.emulator.page import responses
from fibonacci.emulator.page.backend import segment
from fibonacci.emulator.page.components import duration, facts, form, json_block, moment, state, state_text
from fibonacci.emulator.page.context import Done, PageContent, ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.page.views.approvals import decision_form, decisions
from fibonacci.emulator.page.views.trace import trace
from fibonacci.emulator.page.views.workflows import NO_NODES


def show(context: ViewContext) -> PageContent:
    """Show one run."""
    run = _run(context)
    is_over = run["status"] in TERMINAL
    return PageContent(
        f"Run {run['execution_id']}",
        [
            h.div(
                h.p(state(run["status"]), aria_live="polite", id="state"),
                None if is_over or run["status"] == WAITING else _cancel_form(context),
                class_="line",
            ),
            _error(run),
            _approval(context, run),
            _facts(context, run),
            h.section(h.h2("Diagram", id="diagram"), _diagram(context, run), aria_labelledby="diagram"),
            h.section(h.h2("Trace", id="trace"), trace(context, run), aria_labelledby="trace"),
            h.section(
                h.h2("Inputs and outputs", id="values"),
                h.div(
                    json_block("inputs", "Inputs", run["inputs"], context),
                    json_block("outputs", "Outputs", run["outputs"], context),
                    class_="sides",
                ),
                aria_labelledby="values",
            ),
        ],
        "Runs",
    )


def show_diagram(context: ViewContext) -> ServerResponse:
    """Return the picture of the workflow with the states of this run."""
    from fibonacci.models import Execution

    run = context.backend.redact_json(_run(context))
    definition = context.backend.redact_json(_definition(context, run))
    return responses.picture(svg(definition or NO_NODES, execution=Execution.model_validate(run)))


def cancel(context: ViewContext) -> Done:
    """Cancel the run."""
    execution_id = context.path["execution_id"]
    run = context.backend.send("POST", f"/v1/executions/{segment(execution_id)}/cancel")["data"]
    return Done(f"/ui/runs/{segment(execution_id)}", f"The run has ended. State: {state_text(run['status'])}.")


def _run(context: ViewContext) -> Any:
    return context.backend.get(f"/executions/{segment(context.path['execution_id'])}")


def _definition(context: ViewContext, run: Any) -> Any:
    return context.backend.definition(run["workflow_id"], run["workflow_version"])


def _cancel_form(context: ViewContext) -> HTMLElement:
    action = f"/ui/runs/{segment(context.path['execution_id'])}/cancel"
    return form(context, action, h.button("Cancel the run"), id="cancel", data_static="true")


def _error(run: Any) -> Content:
    return h.p(h.strong("Why: "), run["error"], class_="flash error") if run["error"] else None


def _approval(context: ViewContext, run: Any) -> Content:
    if "approval" not in run:
        return None
    return h.section(
        h.h2("Approval", id="approval"),
        decisions(run["approval"]),
        decision_form(context, run["execution_id"]) if run["status"] == WAITING else None,
        aria_labelledby="approval",
    )


def _facts(context: ViewContext, run: Any) -> HTMLElement:
    workflow_id = run["workflow_id"]
    name = context.backend.workflow_name(workflow_id)
    link = h.code(workflow_id) if name is None else h.a(name, href=f"/ui/workflows/{segment(workflow_id)}")
    return facts(
        ("Workflow", [link, f", version {run['workflow_version']}"]),
        ("Started", moment(run["created_at"])),
        ("Ended", moment(run["completed_at"]) if run["completed_at"] else None),
        ("Duration", duration(run["duration_ms"])),
        ("Nodes", f"{run['nodes_executed']} executed, {run['nodes_failed']} failed"),
    )


def _diagram(context: ViewContext, run: Any) -> HTMLElement:
    definition = _definition(context, run)
    if not definition or not definition.get("nodes"):
        return h.p("There is no definition to draw: the workflow has none, or was deleted.", class_="note")
    states = [f"{node['id']} {node['status']}" for node in run["trace"]]
    version = crc32(f"{run['status']} {states}".encode("utf-8", "replace"))  # another picture for another state
    source = f"/ui/runs/{segment(run['execution_id'])}/diagram.svg?v={version:x}"
    text = "Diagram of the run. The trace below says the same in words."
    return h.div(
        h.img(src=source, alt=text, id="picture"),
        class_="picture",
        tabindex=0,
        role="region",
        aria_label="Diagram",
    )
