"""The mutants of single endpoints, of what they do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.contract.document import Operation, load_document, resolve
from tests.tools.mutants import kinds
from tests.tools.mutants.executing import of_execution
from tests.tools.mutants.mutant import OWNER, Mutant, mutant


def _create(operation: Operation) -> Iterator[Mutant]:
    yield mutant(operation, kinds.forget(), "forget")


def _set(operation: Operation) -> Iterator[Mutant]:
    yield mutant(operation, kinds.write_elsewhere(), "write_elsewhere")


def _cancel(operation: Operation) -> Iterator[Mutant]:
    for pretended in ({}, {"status": "cancelled"}):
        change = kinds.pretend(lambda path: path.removesuffix("/cancel"), pretended)
        yield mutant(operation, change, "pretend", "".join(pretended.values()))


def _change_status(operation: Operation) -> Iterator[Mutant]:
    status = {"approve-template": "approved", "deprecate": "deprecated", "archive": "archived"}
    change = kinds.pretend(
        lambda path: f"/workflows/{path.split('/')[2]}", {"status": status[operation.path.split("/")[-1]]}
    )
    yield mutant(operation, change, "pretend")


def _roll_back(operation: Operation) -> Iterator[Mutant]:
    for part, pretended in (("", {}), ("a new number", {"version": 9})):
        change = kinds.pretend(lambda path: path.removesuffix("/rollback"), pretended)
        yield mutant(operation, change, "pretend", part)


def _version(operation: Operation) -> Iterator[Mutant]:
    for name in ("name", "definition"):
        change = kinds.show_instead(lambda path: path.partition("/versions/")[0], name)
        yield mutant(operation, change, "show_instead", name)


def _connect(operation: Operation) -> Iterator[Mutant]:
    yield mutant(
        operation, kinds.pretend(lambda path: path.removesuffix("/connect"), {"status": "connected"}), "pretend"
    )


def _audit(operation: Operation) -> Iterator[Mutant]:
    for subject in ("governance.", "quota.", "tool_policy.", "registry."):
        yield mutant(operation, kinds.lose_items_with(subject), "lose_items_with", subject.rstrip("."))


def _list_registry(operation: Operation) -> Iterator[Mutant]:
    yield mutant(operation, kinds.ignore_other_words("include_archived"), "ignore_other_words", "include_archived")


def _list_tools(operation: Operation) -> Iterator[Mutant]:
    yield mutant(operation, kinds.limit_of_each_key(OWNER), "limit_of_each_key")
    yield mutant(operation, kinds.untouched_limit(), "untouched_limit")


def _create_workflow(operation: Operation) -> Iterator[Mutant]:
    yield from _create(operation)
    schemas = load_document()["components"]["schemas"]
    of_types = {kind: resolve({"$ref": ref}) for kind, ref in schemas["Node"]["discriminator"]["mapping"].items()}
    for kind, schema in {None: schemas["WorkflowDefinition"], **of_types}.items():
        for field in schema["properties"]:
            change = kinds.lose_of_definition(field, kind)
            yield mutant(operation, change, "lose_of_definition", f"{kind or 'workflow'} {field}")


_OWN: Final = {
    "workflows.create": _create_workflow,
    "organizations.tool_policies.create": _create,
    "memory.set": _set,
    "executions.cancel": _cancel,
    "registry.approve_template": _change_status,
    "registry.deprecate": _change_status,
    "registry.archive": _change_status,
    "versions.rollback": _roll_back,
    "versions.get": _version,
    "tools.connect": _connect,
    "organizations.governance.audit": _audit,
    "workflows.execute": of_execution,
    "registry.list": _list_registry,
    "tools.list": _list_tools,
}
"""The endpoints that do something of their own."""


def of_endpoint(operation: Operation) -> Iterator[Mutant]:
    """Return the mutants of what an endpoint does; of most there are none."""
    if operation.id in _OWN:
        yield from _OWN[operation.id](operation)
