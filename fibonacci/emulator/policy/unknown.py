"""What in a request is unknown or not supported: warnings, and refusals in strict mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fibonacci.definitions import CriticNode, LLMNode, Problem, ToolNode
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.compiled import CompiledWorkflow, compiled
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning, place_in
from fibonacci.emulator.policy.categories import misspelled_category


def report_categories(context: RequestContext, owner: str, names: Iterable[str]) -> None:
    """Warn about categories that seem to be misspelled: no tool has them. Categories of one's own are fine.

    Args:
        context: The request.
        owner: What names them, such as `default/governance`.
        names: The names.

    Raises:
        HTTPException: 422 in strict mode, if there is any.
    """
    context.environment.warnings.report(
        [
            EmulatorWarning(
                code="unknown_category",
                location=f"{owner} {name}",
                message=f"no tool has this category; did you mean {near!r}?",
            )
            for name in names
            if (near := misspelled_category(name)) is not None
        ]
    )


def report_problems(context: RequestContext, workflow_id: str, problems: Sequence[Problem]) -> None:
    """Warn about the problems of a definition.

    Args:
        context: The request.
        workflow_id: The id of its workflow.
        problems: The problems.

    Raises:
        HTTPException: 422 in strict mode, if there is any.
    """
    context.environment.warnings.report(
        [
            EmulatorWarning(code=each.code, location=place_in(workflow_id, each.location), message=each.message)
            for each in problems
        ]
    )


def report_unmatched_scripts(context: RequestContext, workflow: CompiledWorkflow) -> None:
    """Warn about scripts whose name no workflow has, and resembles one in the workflow that is going to run."""
    scripts = context.environment.scripts
    unused = [script.name for script in scripts.unused if not script.taken] if scripts.is_active else []
    if not unused:
        return
    from difflib import get_close_matches  # only where there are scripts

    names = _scripted_names(workflow)
    for name in unused:
        near = get_close_matches(canonical_tool(name), names, n=1)
        if near and not any(_has_name(each, name) for each in (workflow, *_workflows(context))):
            message = f"no workflow has a node, a tool or a model of this name; did you mean {near[0]!r}?"
            context.environment.warnings.keep(
                [EmulatorWarning(code="unmatched_script", location=f"scripts {name}", message=message)]
            )


def _workflows(context: RequestContext) -> Iterator[CompiledWorkflow]:
    return (compiled(record["definition"]) for record in context.store.workflows.records())


def _has_name(workflow: CompiledWorkflow, name: str) -> bool:
    return canonical_tool(name) in _scripted_names(workflow)


def _scripted_names(workflow: CompiledWorkflow) -> set[str]:
    """Return what a script can be for: the ids of nodes, tools and models."""
    names = set(workflow.nodes)
    for node in workflow.nodes.values():
        if isinstance(node, ToolNode):
            names.add(node.tool)
        elif isinstance(node, LLMNode | CriticNode) and node.model is not None:
            names.add(node.model)
    return set(map(canonical_tool, names))
