"""`fibonacci run`, `executions get`, `retry`, `watch` and `tail`: start, read and follow executions."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibonacci.cli.exit_codes import DONE, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fibonacci import Execution
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser
    from fibonacci.models import NodeTrace, Workflow


_RUN_EPILOG = """\
A FILE is a definition in YAML or JSON. If no workflow has its name, the command creates one. If the workflow means
something else than the file, the command updates it. It says on stderr what it did, and then runs the workflow.

The command checks the inputs against the definition before it starts anything. If an input is missing, is unknown or
doesn't fit input_schema, the exit code is 64. An --input replaces the value with the same name in --inputs. To start a
workflow without this check, use `fibonacci request POST /workflows/ID/execute`.

On a terminal, the command prints the id, status and outputs of the execution. In a pipe, and with --json, it prints the
whole execution. --fields outputs.NAME prints one output.

Exit code 1 means that the run failed: stderr has the reason. Exit code 75 means that the execution has not ended within
--timeout, or that the command can't tell whether it was started."""


def add_run_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.inputs import input_value
    from fibonacci.cli.numbers import seconds_or_none
    from fibonacci.cli.values import json_value

    parser.epilog = _RUN_EPILOG
    add = parser.add_argument
    add("workflow", metavar="ID|NAME|FILE", help="the workflow, or a file with its definition")
    add("--inputs", metavar="JSON|@FILE|-", type=json_value, help="the inputs, as a JSON object")
    add(
        "--input",
        metavar="NAME=TEXT",
        action="append",
        default=[],
        type=input_value,
        help="one input, as a string. NAME:=JSON takes any JSON, and NAME=@FILE the text of a file. You can repeat it",
    )
    add(
        "--timeout",
        metavar="TIME",
        type=seconds_or_none,
        default=300.0,
        help="how long to wait, such as 5m, or none for no limit; default: 300 s. The run continues after that",
    )
    add(
        "--idempotency-key",
        metavar="KEY",
        help="the Idempotency-Key of the request that starts the run; default: a new one",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--watch",
        action="store_true",
        help="show the nodes as they run, on stderr. In a pipe, print a line of JSON for each change",
    )
    how.add_argument(
        "--detach", action="store_true", help="don't wait for the end, and print the execution that was started"
    )


def run_run(context: Context) -> int:
    """Run the workflow, and print the execution."""
    from fibonacci.cli.following import follow
    from fibonacci.cli.inputs import check_typed_inputs, merged_inputs
    from fibonacci.cli.workflow_names import workflow_of
    from fibonacci.models import Execution

    options = context.options
    context.output.check_fields(Execution)
    client = context.client
    inputs = merged_inputs(options.inputs, options.input)
    if options.workflow.lower().endswith((".yaml", ".yml", ".json")):
        workflow = _ensured(context, Path(options.workflow), inputs)
    else:
        workflow = workflow_of(client, options.workflow)
        check_typed_inputs(workflow.definition, inputs, context.say)
    find = f"to find out whether it was started: fibonacci executions list --workflow {workflow.id}"
    start: dict[str, Any] = {"inputs": inputs, "idempotency_key": options.idempotency_key}
    if options.detach:
        return _start(context, lambda: client.workflows.execute(workflow.id, **start), find)

    def wait(update: Callable[[Execution], object]) -> Execution:
        def record(execution: Execution) -> object:
            context.output.record_change(f"{execution.id} was started ({execution.status})")
            return update(execution)

        return client.workflows.run(workflow.id, **start, timeout=options.timeout, on_update=record)

    return follow(context, wait, is_watched=options.watch, find=find)


def _ensured(context: Context, file: Path, inputs: dict[str, Any]) -> Workflow:
    """Check the inputs, and return the workflow of a definition file, creating or updating it if needed."""
    from fibonacci.cli.debug_log import ChangeHandler, logging_to
    from fibonacci.cli.inputs import check_typed_inputs
    from fibonacci.definitions import load, to_plain

    definition = load(file)
    check_typed_inputs(to_plain(definition), inputs, context.say)
    with logging_to(ChangeHandler(context.say)):
        return context.client.workflows.ensure(definition, name=definition.name or file.stem)


def _start(context: Context, start: Callable[[], Execution], find: str) -> int:
    """Start an execution, and print it as the response has it."""
    from fibonacci import APIError
    from fibonacci.cli.following import ProgressLines, print_execution

    try:
        execution = start()
    except (APIError, KeyboardInterrupt) as error:
        if getattr(error, "outcome_unknown", True):
            error.add_note(find)
        raise
    context.output.record_change(f"{execution.id} was started")
    if execution.status == "pending_approval":
        ProgressLines(context.say).update(execution)
    print_execution(context, execution)
    return DONE


def add_get_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.epilog = "Sends GET /executions/{id}."
    _add_execution(parser)
    parser.add_argument("--node", metavar="NODE", help="show only what happened to this node")


def run_get(context: Context) -> int:
    """Print the execution, or a node of its trace."""
    from fibonacci.models import Execution, NodeTrace

    options = context.options
    context.output.check_fields(NodeTrace if options.node else Execution, is_read=True)
    execution = context.client.executions.get(options.execution)
    context.output.value(_node(execution, options.node) if options.node else execution)
    return DONE


def _node(execution: Execution, name: str) -> NodeTrace:
    from fibonacci._texts.suggestions import did_you_mean

    nodes = {node.id: node for node in execution.trace or []}
    if name not in nodes:
        remedy = did_you_mean(name, nodes) or f": the platform tells of {', '.join(nodes) or 'none'}"
        raise UsageError(f"--node: {execution.id} has no node {name!r}{remedy}")
    return nodes[name]


def _add_execution(parser: CommandParser) -> None:
    parser.add_argument("execution", metavar="ID", help="the execution, such as exec_abc123")


_RETRY_EPILOG = """\
This is a new run of the workflow's current version. It costs what a run costs, and does again what the first one did,
so the command asks first. It prints the execution that was started. To follow it, use `fibonacci executions watch ID`.

Exit code 75 means that the command can't tell whether it was started."""


def add_retry_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.epilog = _RETRY_EPILOG
    _add_execution(parser)


def run_retry(context: Context) -> int:
    """Ask, start the workflow of the execution again, and print the new execution."""
    from fibonacci.models import Execution

    options, client = context.options, context.client
    context.output.check_fields(Execution)
    context.check_confirmable("retry starts a run.")
    if not options.yes:
        first = client.executions.get(options.execution)
        workflow = context.name_of(first.workflow_id or "")
        context.confirm(f"Run {workflow!r} again with the inputs of {first.id} ({first.status}), {context.where()}?")
    find = "to find out whether it was started: fibonacci executions list --limit 5"
    return _start(context, lambda: client.executions.retry(options.execution), find)


_WATCH_EPILOG = """\
The command polls every 1 s to 15 s, and uses a tenth of the plan's rate limit. On the Free plan, that is 6 requests a
minute. In a pipe, it prints each change as a line of JSON.

Exit code 1 means that the execution failed or was canceled: stderr has the reason. Exit code 75 means that it has not
ended within --timeout."""


def add_watch_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.numbers import seconds_or_none

    parser.epilog = _WATCH_EPILOG
    _add_execution(parser)
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=seconds_or_none,
        default=None,
        help="how long to wait, such as 5m; default: no limit",
    )


def run_watch(context: Context) -> int:
    """Follow the execution, and print it at the end."""
    from fibonacci.cli.following import follow
    from fibonacci.models import Execution

    context.output.check_fields(Execution)
    options, client = context.options, context.client
    return follow(
        context,
        lambda update: client.executions.wait(options.execution, timeout=options.timeout, on_update=update),
        is_watched=True,
    )


_TAIL_EPILOG = """\
The command prints each execution when it starts and whenever its status changes, until Ctrl-C. In a pipe, each of them
is a line of JSON. --limit N stops after N of them. With --json they are one array, which is complete when the command
stops. During an outage, or when the rate limit is used up, the command waits and then continues.

It polls the list after 1 s, and at intervals that grow to 15 s while nothing changes. It uses at most a quarter of the
plan's rate limit. On the Free plan, that is 15 requests a minute, and 4 while nothing happens."""
_LAST = 10


def add_tail_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.calls.entries import execution_statuses
    from fibonacci.cli.calls.value_kinds import word
    from fibonacci.cli.numbers import count

    parser.epilog = _TAIL_EPILOG
    parser.add_argument(
        "--status",
        metavar="WORD",
        type=partial(word, choices=execution_statuses()),
        help="only executions that get this status, such as failed",
    )
    parser.add_argument("--workflow", metavar="ID|NAME", help="only executions of this workflow")
    parser.add_argument(
        "--last",
        metavar="N",
        type=count,
        default=_LAST,
        help=f"begin with the last N executions, or 0 for none; default: {_LAST}",
    )


def run_tail(context: Context) -> int:
    """Print executions until Ctrl-C."""
    from fibonacci.cli.context import take_first
    from fibonacci.cli.tailing import ExecutionFeed, line_of, sleep_while_read, tail
    from fibonacci.cli.workflow_names import workflow_id_of
    from fibonacci.models import Execution

    context.output.check_fields(Execution)
    options, client = context.options, context.client
    workflow_id = None if options.workflow is None else workflow_id_of(client, options.workflow)
    feed = ExecutionFeed(client, workflow_id)
    changes = tail(feed, context.say, sleep_while_read, last=options.last, status=options.status)
    executions = take_first(changes, options.limit)
    if context.output.is_json:
        context.output.array(executions)
        return DONE
    for execution in executions:
        if context.output.is_terminal:
            context.output.text(line_of(execution, context.name_of(execution.workflow_id or "")))
        else:
            context.output.line(execution)
    return DONE
