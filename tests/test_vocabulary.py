"""One name, one meaning: the parameters of calls, builder and emulator, the command's options, the API's document.

A new name needs a line in `MEANINGS`, with a meaning that no other name has. Where a name cannot be avoided for
something else, `SECOND` has the place. A parameter whose type does not fit the other uses of its name has a second
meaning.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from tests.contract.document import operations
from tests.endpoints.signatures import documented_parameters
from tests.tools.reference.command_line import commands, listed_options
from tests.tools.reference.public_api import LISTING

MEANINGS: Final = {
    "after": "the nodes that run before one",
    "allow_delete": "whether a plan may delete workflows",
    "allow_empty": "whether it may where no definition is left",
    "allow_insecure": "whether plain http is allowed",
    "allow_pickled_secrets": "whether a pickle may hold secrets",
    "allow_partial_results": "whether a failed run gives the outputs that it has",
    "allow_self_approval": "whether who starts a run may approve it",
    "allow_unused": "whether what was prepared may remain unused",
    "allowed_hosts": "the names that the emulator is reached by",
    "allowed_roles": "the roles that may use a tool",
    "answers": "what a script answers",
    "api_key": "the key of the API",
    "api_version": "the API that the server speaks",
    "approval_threshold": "how many approvals a run needs",
    "base_url": "the address of the API",
    "body": "the body of a response",
    "by": "who approves or rejects",
    "ca_bundle": "the authorities that are trusted",
    "cancel_on_exit": "whether a run is canceled when its caller leaves",
    "category_flags": "the categories that need approval",
    "client_cert": "the certificate of the client",
    "clock": "the source of time",
    "concurrency": "how many rows run at a time",
    "concurrent_executions": "how many executions an organization may run at a time",
    "condition": "when a node runs",
    "connect_timeout": "the seconds for one connection",
    "criteria": "what a critic assesses by",
    "cursor": "where a list begins",
    "db": "the file of an emulator's state",
    "definition": "the nodes and outputs of a workflow",
    "description": "what a workflow is for",
    "enabled": "whether a tool may be used",
    "env": "the variables of templates",
    "environment": "what a folder is deployed to",
    "execution_id": "the id of an execution",
    "fallback": "the node that stands in for a failed one",
    "flatten": "whether nested fields are columns",
    "folder": "the folder of definitions",
    "handler": "a function in place of models or tools",
    "headers": "the headers of requests",
    "host": "the address to listen at",
    "http_client": "the user's own httpx client",
    "id": "the id of a node",
    "idempotency": "whether the server honors keys of idempotency",
    "idempotency_key": "the Idempotency-Key of a request",
    "ids": "the ids of several executions",
    "if_ended": "what a cancellation does when the execution has ended",
    "if_new_version": "what a batch does when the workflow has a new version",
    "if_quota_exceeded": "what a batch does when a quota is used up",
    "if_unknown": "what a batch does with rows of unknown outcome",
    "improvement_prompt": "how a node is told to improve",
    "include_archived": "whether archived entries are listed",
    "inputs": "the inputs of a run, by field",
    "instruction": "what a model is told",
    "journal": "where a batch is recorded",
    "json": "the JSON body of a request",
    "keep": "how many ended executions are kept",
    "key": "the key of a value in memory",
    "kind": "the kind of a failure",
    "kinds": "the kinds of failures that occur by chance",
    "left": "the left side of a comparison",
    "max_connections": "how many connections are opened",
    "max_failures": "how many failed rows stop a batch",
    "max_rows": "how many rows a batch starts",
    "max_idle_connections": "how many idle connections are kept",
    "max_iterations": "how often a critic lets a node run",
    "max_response_bytes": "the size of the largest response",
    "max_retries": "how often a call is sent again",
    "max_tokens": "the length of a model's answer",
    "memory_mb": "the memory of an organization",
    "memory_read": "the values of memory that a node reads",
    "memory_write": "the values of memory that a node writes",
    "merge": "whether changes of both sides are kept",
    "method": "the HTTP method",
    "min_score": "the score that passes",
    "model": "the name of a model",
    "models": "the models that there are",
    "moved": "which files have become which",
    "n": "how many items are taken",
    "name": "the name that people see",
    "on_change": "called when a workflow was changed",
    "on_error": "the node that runs when another has failed",
    "on_retry": "called before a retry",
    "on_update": "called when an execution has changed",
    "on_wait": "called before a wait for the rate limit",
    "operator": "how two sides are compared",
    "ordered": "whether results come in the order of the rows",
    "organization_id": "the id of an organization",
    "origins": "the web pages that may call the emulator",
    "otherwise": "the nodes that run when a comparison is false",
    "output_format": "the format of a model's answer",
    "output_schema": "the JSON Schema of an output",
    "overwrite": "whether changes of the other side are overwritten",
    "page_size": "how many items a request asks for",
    "params": "the parameters of a tool, by name",
    "path": "the path of a file",
    "plan": "the changes of a deployment",
    "port": "the port to listen at",
    "profile": "the name of a profile",
    "progress": "whether a bar is shown",
    "random_seed": "where chance begins",
    "rate": "how likely a failure is",
    "rate_limit": "the requests of a window and its seconds",
    "rate_limiter": "who shares what is known of the rate limit",
    "repeat": "whether a script begins again",
    "require_approval_for_external_comm": "whether messages to others need approval",
    "require_approval_for_permission_changes": "whether changes of permissions need approval",
    "require_approval_for_public_writes": "whether what is published needs approval",
    "retries": "how often a node is retried",
    "retry_after": "the Retry-After of a response",
    "retry_backoff": "how the delay of a node's retries grows",
    "retry_delay": "the seconds before a node's retry",
    "retry_failed": "whether a batch starts failed rows again",
    "returns": "the type of a response",
    "resume": "whether the journal of a batch must have rows",
    "right": "the right side of a comparison",
    "role": "what a person or key may do",
    "route": "the requests that fail",
    "rows": "what a batch runs",
    "scope": "who shares a value in memory",
    "scripts": "what models and tools answer",
    "seconds": "how long a failure takes",
    "secrets": "the secrets of templates",
    "seed": "the folder that an emulator begins with",
    "since": "from when on executions are listed",
    "snapshot": "a copy of an emulator's state",
    "status": "the state of an execution",
    "strict": "whether what would only be warned of is refused",
    "system_prompt": "who a model is",
    "target": "the node that a critic assesses",
    "temperature": "how freely a model answers",
    "then": "the nodes that run when a comparison is true",
    "time": "how the clock of an emulator moves",
    "timeout": "the seconds that something may take",
    "times": "how often a failure occurs",
    "tool_name": "the name of a tool",
    "tools": "the tools that there are",
    "tracing": "where spans go",
    "transport": "what sends requests",
    "ttl": "the seconds that a value is kept",
    "type": "the type of a node",
    "user_id": "the id of a user",
    "value": "a value in memory",
    "version": "the version of a workflow",
    "workflow_id": "the id of a workflow",
    "workflow_runs_per_hour": "how many runs an organization may start in an hour",
}
"""The meaning of each name, in Python and in the document of the API. In options, `-` stands for `_`."""

SECOND: Final = {
    ("Fibonacci.workflows.create", "workflow"): "a builder or a definition",
    ("Fibonacci.workflows.ensure", "workflow"): "a builder or a definition that the workflow of its name gets",
    ("Fibonacci.request", "params"): "the query of a request",
    ("Fibonacci.request", "path"): "the path of a request",
    ("Fibonacci.workflows.run_many", "inputs"): "makes the inputs of a row",
    ("Fibonacci.workflows.run_many", "key"): "what a row is known by",
    ("definitions.WorkflowBuilder.inputs", "model"): "the pydantic model of the inputs",
    ("emulator.Emulator", "plan"): "the plan that an organization has",
    ("emulator.Emulator.fail", "headers"): "the headers of a response",
    ("emulator.Emulator.fail", "status"): "the status of a response",
    ("emulator.Emulator.script", "name"): "the node or model that a script is for",
}
"""The places in Python where a name means something else."""

COMMAND: Final = {
    "all": "every item",
    "allow": "the workflows that agents may run",
    "allowed_host": "a name that the emulator is reached by",
    "api_key_file": "a file that has the key of the emulator",
    "check": "whether files are only checked",
    "data": "the body of a request",
    "debug": "whether the log is printed",
    "detach": "whether a run is not waited for",
    "detailed": "whether the parts of a change are printed",
    "diff": "whether differences are printed",
    "dir": "a folder",
    "estimate": "whether a batch is only estimated",
    "execution": "the execution that is drawn, or that a row has started",
    "failed": "whether a row is settled as failed",
    "fields": "the fields that are printed",
    "format": "the format of what is printed",
    "handlers": "the functions of an emulator",
    "http": "where an MCP server listens",
    "input": "one input",
    "json": "whether JSON is printed",
    "json_column": "a column that holds JSON",
    "key": "the column that a row is known by",
    "last": "how many executions there are at first",
    "limit": "how many items of a list are printed",
    "markdown": "whether Markdown is printed",
    "no_color": "whether colors are left out",
    "node": "the node of an execution that is shown",
    "not_started": "whether a row is settled as not started",
    "null": "what is sent as null",
    "open": "whether the page is opened in the browser",
    "origin": "a web page that may call the emulator",
    "out": "the file that is written",
    "plan": "the plan of an emulator",
    "quiet": "whether messages are left out",
    "raw_csv": "whether cells of CSV are left as they are",
    "record": "the cassette that is written",
    "reload": "whether handlers follow their files",
    "replay": "the cassette that is read",
    "script": "the file of scripts",
    "shell": "the shell that is started",
    "wait": "how long an agent waits",
    "watch": "whether nodes are shown as they run",
    "workflow": "a workflow, by its id or name",
    "yes": "whether nothing is asked",
}
"""The options of the command that are no parameters in Python, or other ones."""

REFUSED: Final = {"exec_id", "execution", "limit", "max_items", "org", "org_id", "organization", "per_page", "size"} | {
    "tool", "toolname", "wf", "wf_id", "workflow",
}  # fmt: skip
"""Second names, in Python and in the document, of what has one."""
REFUSED_IN_COMMANDS: Final = {"workflow_id", "org", "organization", "tool", "name_or_id", "page_size"}

_PARAMETER: Final = re.compile(r"fibonacci\.([\w.]+)\((?:_, )*(?:\*, )?(\w+): (.+?)(?: = .+?)?(?:, /)?\)$")
_OWNERS: Final = re.compile(r"Fibonacci\b|Pager\.|definitions\.WorkflowBuilder\b|emulator\.Emulator\b")
_SAME_TYPES: Final = {"ApiKey": "str", "KeyRole": "Role", "Path": "os.PathLike"}


def python_parameters() -> Iterator[tuple[str, str, set[str]]]:
    """Yield the call, the name and the types of each parameter."""
    for line in LISTING.read_text("utf-8").splitlines():
        found = _PARAMETER.match(line)
        if found and _OWNERS.match(found[1]):
            yield found[1], found[2], _types(found[3])


def _types(annotation: str) -> set[str]:
    """Return the alternatives of an annotation, without what is in brackets, None and Unset."""
    bare = annotation
    while (shorter := re.sub(r"\[[^\[\]]*\]", "", bare)) != bare:
        bare = shorter
    return {_SAME_TYPES.get(each, each) for each in bare.split(" | ")} - {"None", "Unset"}


def command_options() -> Iterator[tuple[str, str]]:
    """Yield each command with the names of its options and arguments."""
    for command in commands():
        for action in listed_options(command.parser):
            typed = next((each for each in action.option_strings if each.startswith("--")), action.metavar or "")
            yield command.name, str(typed).removeprefix("--").replace("-", "_")


def test_each_parameter_in_python_has_one_meaning() -> None:
    types: dict[str, set[str]] = defaultdict(set)
    faults: list[str] = []
    for call, name, own in python_parameters():
        if (call, name) in SECOND:
            continue
        if name in REFUSED or name not in MEANINGS:
            faults.append(f"{call}({name}): the name has no meaning, or is a second name")
        else:
            if types[name] and own and not types[name] & own:
                faults.append(f"{call}({name}): {own} is not {types[name]}, so it means something else")
            types[name] |= own
    assert faults == []


def test_each_option_of_the_command_has_one_meaning() -> None:
    for command, name in command_options():
        if re.fullmatch(r"[a-z_]+", name):
            assert name in COMMAND.keys() | MEANINGS.keys(), f"{command} --{name}"
        assert name.lower() not in REFUSED_IN_COMMANDS, f"{command} {name}"


def test_each_parameter_of_the_document_has_one_meaning() -> None:
    for operation in operations():
        names = set(re.findall(r"\w+", documented_parameters(operation)))
        assert names <= MEANINGS.keys() - REFUSED, operation.id


def test_no_meaning_has_two_names_and_none_is_left_over() -> None:
    meanings = [*MEANINGS.values(), *SECOND.values(), *COMMAND.values()]
    assert [each for each in meanings if meanings.count(each) > 1] == []
    used = {name for _, name, _ in python_parameters()}
    assert MEANINGS.keys() - used == set()
    assert {*SECOND} - {(call, name) for call, name, _ in python_parameters()} == set()
    assert COMMAND.keys() - {name for _, name in command_options()} == set()
