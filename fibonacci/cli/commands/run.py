"""`fibonacci run ID|NAME`: run a workflow, and wait for its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fibonacci.cli.exit_codes import DONE

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser

_EPILOG = """\
Inputs are checked against the definition before anything is started: one that is missing, unknown, or does not fit
input_schema is a fault (exit code 64). An --input replaces the value of that name in --inputs. `fibonacci workflows
execute` starts a workflow without this check. A run that fails is exit code 1, with the reason on stderr. One that has
not ended within --timeout is exit code 75, and continues; so is one of which it is not known whether it was started."""


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.inputs import input_value
    from fibonacci.cli.numbers import seconds_or_none
    from fibonacci.cli.values import json_value

    parser.epilog = _EPILOG
    add = parser.add_argument
    add("workflow", metavar="ID|NAME", help="the workflow")
    add("--inputs", metavar="JSON|@FILE|-", type=json_value, help="the inputs: a JSON object")
    add(
        "--input",
        metavar="NAME=TEXT",
        action="append",
        default=[],
        type=input_value,
        help="one input, a text; NAME:=JSON for any JSON, NAME=@FILE for the text of a file; repeatable",
    )
    add(
        "--timeout",
        metavar="TIME",
        type=seconds_or_none,
        default=300.0,
        help="how long to wait, such as 5m, or none; default: 300 s. The run continues after it",
    )
    add(
        "--idempotency-key", metavar="KEY", help="the Idempotency-Key of the request that starts it; default: a new one"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--watch", action="store_true", help="show the nodes as they run, on stderr; piped: a line of JSON a change"
    )
    how.add_argument("--detach", action="store_true", help="do not wait: print the execution")


def run(context: Context) -> int:
    """Run the workflow, and print its outputs."""
    from fibonacci.cli.following import follow
    from fibonacci.cli.inputs import check_typed_inputs, merged_inputs, workflow_of

    options, client = context.options, context.client
    inputs = merged_inputs(options.inputs, options.input)
    workflow = workflow_of(client, options.workflow)
    check_typed_inputs(workflow.definition, inputs, context.say)
    find = f"to find out whether it was started: fibonacci executions list --workflow {workflow.id}"
    start: dict[str, Any] = {"inputs": inputs, "idempotency_key": options.idempotency_key}
    if options.detach:
        return _start(context, workflow.id, start, find)
    return follow(
        context,
        lambda update: client.workflows.run(workflow.id, **start, timeout=options.timeout, on_update=update),
        is_watched=options.watch,
        find=find,
    )


def _start(context: Context, workflow_id: str, start: dict[str, Any], find: str) -> int:
    """Start the workflow, and print the execution."""
    from fibonacci import APIError
    from fibonacci.cli.following import StatusLines

    try:
        execution = context.client.workflows.execute(workflow_id, **start)
    except (APIError, KeyboardInterrupt) as error:
        if getattr(error, "outcome_unknown", True):
            error.add_note(find)
        raise
    if execution.status == "pending_approval":
        StatusLines(context.say).update(execution)
    context.output.value(execution)
    return DONE
