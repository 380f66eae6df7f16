"""The calls of the client from the derived table, and where the parsed options hold their parameters."""

from __future__ import annotations

from typing import Final, NamedTuple

from fibonacci.cli.parser import CONNECTED, LISTED, SELECTED, read_table

TYPE_CHECKING = False  # the tables are read before each call
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

PREFIX: Final = "call."
"""The prefix of a call's arguments in the parsed options, which also hold the global options."""

NULLS: Final = f"{PREFIX}null"
"""The name of `--null` in the parsed options."""


class CallParameter(NamedTuple):
    """One parameter of a call.

    Attributes:
        name: Its name in Python.
        kind: The kind of its value, a name of `value_kinds.KINDS`.
        help: What it is, from the docstring.
        is_positional: Whether it is an argument and not an option. Arguments other than files are required.
        is_required: Whether the option is required.
        is_nullable: Whether null differs from leaving it out, so that `--null` accepts its name.
        choices: The documented words. The platform may have others.
    """

    name: str
    kind: str
    help: str
    is_positional: bool = False
    is_required: bool = False
    is_nullable: bool = False
    choices: tuple[str, ...] = ()

    @property
    def option(self) -> str:
        """The name as it is typed, such as `user-id`. For a workflow it is `workflow`, which takes a name or an ID."""
        name = self.name.removesuffix("_id") if self.kind == "workflow" else self.name
        return name.replace("_", "-")


class CallEntry(NamedTuple):
    """One call of the client.

    Attributes:
        help: Its line in the help of the group.
        endpoint: The request that it sends, such as `GET /workflows/{id}`.
        parameters: Its parameters, without those for pagination, which follow from `--limit`.
        is_list: Whether it returns a pager.
        model: The class in `fibonacci.models` of what it returns, or of the items. Empty if none is documented.
    """

    help: str
    endpoint: str
    parameters: tuple[CallParameter, ...] = ()
    is_list: bool = False
    model: str = ""

    @property
    def global_options(self) -> tuple[str, ...]:
        """The global options that apply to its command, in addition to those of every command."""
        if self.endpoint.startswith("DELETE "):
            return CONNECTED
        return (*SELECTED, *LISTED) if self.is_list else SELECTED

    @property
    def is_read(self) -> bool:
        """Whether it only reads."""
        return self.endpoint.startswith("GET ")

    @property
    def needs_confirmation(self) -> bool:
        """Whether the command asks first, because the call deletes or replaces something in use."""
        return self.endpoint.startswith("DELETE ") or self.endpoint.endswith("/rollback")


class CallGroup(NamedTuple):
    """The calls of a namespace of the client.

    Attributes:
        help: What they do.
        entries: The calls and groups in it, by the names that are typed.
    """

    help: str
    entries: Mapping[str, CallEntry | CallGroup]

    @property
    def global_options(self) -> tuple[str, ...]:
        """The global options that apply to any of its commands, in addition to those of every command."""
        return tuple({name for entry in self.entries.values() for name in entry.global_options})


def calls_of(group: str) -> CallGroup:
    """Return the calls of a group, such as `workflows`, from the derived table."""
    return _group(read_table("call_tables/calls")[group])


def execution_statuses() -> tuple[str, ...]:
    """Return the statuses of executions. This doesn't import their model, so the help stays fast."""
    listing = calls_of("executions").entries["list"]
    assert isinstance(listing, CallEntry)
    return next(parameter.choices for parameter in listing.parameters if parameter.name == "status")


def _group(table: Mapping[str, Any]) -> CallGroup:
    return CallGroup(
        table["help"],
        {name: _group(each) if "entries" in each else _entry(**each) for name, each in table["entries"].items()},
    )


def _entry(parameters: list[dict[str, Any]], **fields: Any) -> CallEntry:
    return CallEntry(parameters=tuple(_parameter(**each) for each in parameters), **fields)


def _parameter(choices: list[str], **fields: Any) -> CallParameter:
    return CallParameter(choices=tuple(choices), **fields)
