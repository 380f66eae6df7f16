"""Run a derived command: make the call with what was typed, and print what it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fibonacci._core.request import LARGEST_PAGE
from fibonacci._texts.suggestions import did_you_mean
from fibonacci.cli.calls.entries import NULLS, PREFIX
from fibonacci.cli.exit_codes import DONE, UsageError

if TYPE_CHECKING:
    import argparse

    from fibonacci.cli.calls.entries import CallEntry, CallParameter
    from fibonacci.cli.context import Context


def run_call(context: Context, entry: CallEntry, path: tuple[str, ...]) -> int:
    """Make the call of a derived command.

    Args:
        context: What the command works with.
        entry: The call.
        path: The words of the command, such as `("workflows", "get")`.

    Returns:
        The exit code.

    Raises:
        UsageError: If the options contradict each other. Nothing is sent.
        FibonacciError: If the call fails.
    """
    options = context.options
    arguments, named = _arguments(entry.parameters, options)
    if entry.model and options.fields:
        from fibonacci import models

        context.output.check_fields(getattr(models, entry.model), is_read=entry.is_read)
    has_workflow = any(parameter.is_positional and parameter.kind == "workflow" for parameter in entry.parameters)
    things = [*map(repr, arguments)]
    if entry.needs_confirmation:
        context.check_confirmable(f"{_question(path, things, named)}?")
    if entry.is_list and options.limit is not None:
        named["page_size"] = min(options.limit, LARGEST_PAGE)
    if named.get("workflow_id") is not None:  # given a name, the platform responds as to an unknown ID
        from fibonacci.cli.workflow_names import workflow_id_of

        named["workflow_id"] = workflow_id_of(context.client, named["workflow_id"])
    if entry.needs_confirmation:
        if has_workflow:
            from fibonacci.cli.workflow_names import workflow_of

            workflow = workflow_of(context.client, arguments[0])
            arguments[0] = workflow.id
            things[0] = f"{workflow.name!r} ({workflow.id}, organization {workflow.organization_id or 'unknown'})"
        context.confirm(f"{_question(path, things, named)} {context.where()}?")
    call = _call_workflow if has_workflow and not entry.needs_confirmation else _call
    call(context, entry, path, arguments, named)
    return DONE


_QUESTIONS: Final = {"delete": ("Delete", " "), "rollback": ("Roll back", " to version ")}


def _question(path: tuple[str, ...], things: list[str], named: dict[str, Any]) -> str:
    """Return what a call will change, as the beginning of a question."""
    verb, between = _QUESTIONS[path[-1]]
    options = ", ".join(f"{name} {value!r}" for name, value in named.items())
    return f"{verb} {between.join(things)}" + (f" ({options})" if options else "")


def _call_workflow(
    context: Context, entry: CallEntry, path: tuple[str, ...], arguments: list[Any], named: dict[str, Any]
) -> None:
    """Make a call whose first argument is a workflow: an ID, without another request, or else a name."""
    from fibonacci import APIError
    from fibonacci.cli.workflow_names import NOT_AN_ID, workflow_id_of

    try:
        _call(context, entry, path, arguments, named)
    except NOT_AN_ID as refusal:
        try:
            workflow_id = workflow_id_of(context.client, arguments[0])
        except APIError:
            workflow_id = arguments[0]
        if workflow_id == arguments[0]:  # the error of the call itself is what the user needs to see
            raise refusal from None
        _call(context, entry, path, [workflow_id, *arguments[1:]], named)


def _call(
    context: Context, entry: CallEntry, path: tuple[str, ...], arguments: list[Any], named: dict[str, Any]
) -> None:
    """Make the call, and print what it returns."""
    method: Any = context.client
    for word in path:
        method = getattr(method, word.replace("-", "_"))
    result = method(*arguments, **named)
    if not entry.is_read:
        made = f" ({result.id})" if getattr(result, "id", None) else ""
        context.output.record_change(f"`{' '.join((*path, *map(str, arguments)))}` was carried out{made}")
    if entry.is_list:
        context.output.items(result)
    elif result is None:
        if context.output.is_json:
            context.output.value(None)
        context.say(f"{path[-1]}d {' '.join(map(repr, arguments))}")
    else:
        context.output.value(result)


def _arguments(parameters: tuple[CallParameter, ...], options: argparse.Namespace) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and the named arguments of the call."""
    values = vars(options)
    positional = [each.name for each in parameters if each.is_positional and each.kind != "file"]
    arguments = [values[f"{PREFIX}{name}"] for name in positional]
    options_of = {each.name: f"{PREFIX}{each.name}" for each in parameters if each.name not in positional}
    named = {name: values[option] for name, option in options_of.items() if option in values}
    return arguments, {**named, **_nulls(parameters, values.get(NULLS) or [], named)}


def _nulls(parameters: tuple[CallParameter, ...], typed: list[str], given: dict[str, Any]) -> dict[str, None]:
    nullable = {parameter.option: parameter.name for parameter in parameters if parameter.is_nullable}
    nulls: dict[str, None] = {}
    for option in typed:
        name = nullable.get(option.removeprefix("--").replace("_", "-"))
        if name is None:
            remedy = did_you_mean(option, nullable) or f": it is one of {', '.join(nullable)}"
            raise UsageError(f"--null has the unknown name {option!r}{remedy}")
        if name in given:
            raise UsageError(f"--null {option} and --{option} can't be combined: pass only one")
        nulls[name] = None
    return nulls
