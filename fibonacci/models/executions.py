"""Executions: the runs of a workflow, what happened to each node, and why a run failed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, LiteralString, NamedTuple, Self, TypeVar, cast, get_args

from pydantic import ValidationError, model_validator

from fibonacci.errors import ExecutionCancelledError, ExecutionFailedError, OutputError
from fibonacci.models._base import Model, Timestamped, plain_dict

T = TypeVar("T")

NodeStatus = Literal["pending", "running", "completed", "failed", "skipped", "cancelled"] | str
"""The states of a node that the SDK knows.

If the platform sends another one, you get it as a string.
"""


class NodeTrace(Model):
    """What happened to one node of an execution: an element of `Execution.trace`.

    The platform doesn't document traces. Their form is an assumption, and `fibonacci.emulator` sends them that way:
    https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        (node,) = client.executions.get(execution.id).trace
        print(node.id, node.status, node.output)  # prints: greet completed ...
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("id", "status", "attempts", "error", "reason")
    _id_fields: ClassVar[tuple[str, ...]] = ("id",)
    _converted: ClassVar[tuple[str, ...]] = ("usage", "warnings", "started_at", "ended_at")

    id: str
    """The ID of the node, as the definition names it."""

    type: str | None = None
    """The type of the node, such as `"llm"`."""

    status: NodeStatus | None = None
    """The state, such as `"completed"`."""

    attempts: int | None = None
    """The number of times that the node was tried. 0 before the first."""

    iteration: int | None = None
    """The number of the iteration: 1, or higher if a critic has asked for an improvement. `attempts` counts all of
    them."""

    input: Any = None
    """What the last attempt was given: the node's fields, with their templates filled in. None if the node never ran.

    The emulator doesn't fill in templates that read secrets or environment variables.
    """

    output: Any = None
    """What the node returned, any JSON. None unless it has completed."""

    error: Any = None
    """Why the node failed, usually as text. None unless it failed."""

    reason: str | None = None
    """Why the node was skipped. None unless it was."""

    @property
    def usage(self) -> dict[str, int | float] | None:
        """The number of tokens, and the cost, of all attempts, including failed ones. None if nothing was reported.

        The keys are `input_tokens`, `output_tokens` and `cost`. The first two are numbers of tokens. `cost` is in the
        currency of whoever reports it.
        """
        return self._read("usage", dict[str, int | float])

    @property
    def warnings(self) -> list[str] | None:
        """The parts of the node that are unknown, aren't supported or have no effect, in the order of discovery.

        None if the platform doesn't report it.
        """
        return self._read("warnings", list[str])

    @property
    def started_at(self) -> datetime | None:
        """When the node started, in the time zone that the platform sends (UTC). None before that, or if skipped."""
        return self._read("started_at", datetime)

    @property
    def ended_at(self) -> datetime | None:
        """When the node ended, in the time zone that the platform sends (UTC). None before that, or if skipped."""
        return self._read("ended_at", datetime)


ExecutionStatus = Literal["pending", "running", "completed", "failed", "cancelled", "pending_approval"] | str
"""The states of an execution that the SDK knows.

If the platform sends another one, you get it as a string.
"""

KNOWN_STATUSES: tuple[str, ...] = get_args(get_args(ExecutionStatus)[0])

TERMINAL_STATUSES = frozenset({"completed", "failed", "cancelled"})


class Execution(Timestamped):
    """One run of a workflow.

    The platform documents `execution_id`, `status`, `outputs`, `duration_ms`, `nodes_executed` and `nodes_failed`. It
    doesn't document the other fields, so those of the SDK are an assumption:
    https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        print(execution.id, execution.status, execution.outputs)
        for node in client.executions.get(execution.id).trace or []:
            print(node.id, node.status, node.attempts)
        ```
    """

    _repr_fields: ClassVar[tuple[str, ...]] = ("id", "status", "outputs")
    _id_fields: ClassVar[tuple[str, ...]] = ("id",)
    _converted: ClassVar[tuple[str, ...]] = (
        *("outputs", "inputs", "error", "failure_reason", "trace", "completed_at"),
        *Timestamped._converted,
    )
    _other_names: ClassVar[Mapping[str, str]] = {"execution_id": "id"}

    id: str = ""
    """The ID, such as `"exec_abc123"`. The platform may send it as `execution_id` or as `id`."""

    status: ExecutionStatus | None = None
    """The state, such as `"completed"`. If this version of the SDK doesn't know the state, `is_terminal` is False."""

    workflow_id: str | None = None
    """The ID of the workflow that was run, such as `"wf-abc123"`."""

    duration_ms: int | float | None = None
    """The duration of the run in milliseconds. None as long as the platform reports none."""

    nodes_executed: int | None = None
    """The number of nodes that ran. None as long as the platform reports none."""

    nodes_failed: int | None = None
    """The number of nodes that failed. None as long as the platform reports none."""

    @property
    def outputs(self) -> dict[str, Any]:
        """The value of each node or named output, by name. Empty as long as there are none."""
        return self._read_object("outputs") or {}

    @property
    def inputs(self) -> dict[str, Any] | None:
        """The inputs of the run, by name. None if they aren't known.

        Lists may leave out large ones. If the response to `execute` has none, they are those that you passed.
        """
        received = self._read_object("inputs")
        return self.__dict__.get("_inputs") if received is None else received

    @property
    def error(self) -> str | None:
        """What the platform says about a failed run as a whole. None if it says nothing.

        If the platform sends an object, this is its message. `failure_reason` takes the nodes into account as well.
        """
        return error_text(self._received("error"))

    @property
    def failure_reason(self) -> str | None:
        """Why the run failed or was canceled, in the platform's words.

        None if neither happened, or if the platform doesn't say. It is the error of the node
        that failed if the platform sends one, otherwise that of the run.
        """
        if self.status not in _WITHOUT_SUCCESS:
            return None

        return failure_of(self).reason

    @property
    def trace(self) -> list[NodeTrace] | None:
        """What happened to each node, in the order of their execution. None if the platform didn't send it.

        You get it when you read one execution, with `executions.get`, `wait` or `run`. Lists and `execute` don't have
        it.
        """
        received = self._read("trace", list[Any])
        if received is None:
            return None

        from fibonacci.models._reading import read_models  # nearly all responses are read without it

        return read_models(NodeTrace, received) or (None if received else [])

    @property
    def completed_at(self) -> datetime | None:
        """The time at which the run ended, in the time zone that the platform sends (UTC). None if it isn't known."""
        return self._read("completed_at", datetime)

    @property
    def is_terminal(self) -> bool:
        """Whether the execution has ended: `completed`, `failed` or `cancelled`."""
        return self.status in TERMINAL_STATUSES

    @property
    def succeeded(self) -> bool:
        """Whether the execution has completed."""
        return self.status == "completed"

    def outputs_as(self, model: type[T]) -> T:
        """Return the outputs as an object of your type, validated by Pydantic.

        Args:
            model: A Pydantic model, or another type that Pydantic validates, such as a dataclass or a `TypedDict`.

        Returns:
            What Pydantic makes of the outputs.

        Raises:
            OutputError: If the outputs don't fit. The message names each field, and contains no values.
            TypeError: If Pydantic can't validate the type.

        Example:
            ```python
            from pydantic import BaseModel

            class Greeting(BaseModel):
                greet: str

            print(execution.outputs_as(Greeting).greet)
            ```
        """
        status = "" if self.succeeded else f" ({self.status})"
        return outputs_as(self.outputs, model, f"execution {self.id}{status}")

    def raise_for_status(self) -> Self:
        """Raise an error if the execution failed or was canceled, as `workflows.run` does.

        If the execution hasn't ended, nothing is raised. To find out whether it has, use `is_terminal`. To wait for the
        end, use `executions.wait`.

        Returns:
            The execution itself.

        Raises:
            ExecutionFailedError: If the execution failed or was canceled. The message names the node and the reason, as
                far as the platform reports them.

        Example:
            ```python
            print(client.executions.wait(execution.id).raise_for_status().outputs)
            ```
        """
        if self.status in _WITHOUT_SUCCESS:
            raise execution_error(self)
        return self

    def _repr_html_(self) -> str:
        from fibonacci._display.html import execution_html

        return execution_html(self, plain_dict(self), *self._diagram(self))

    @model_validator(mode="after")
    def _checked(self) -> Self:
        fields, more = vars(self), self.__pydantic_extra__ or {}  # the model is frozen for others
        sent = more.get("execution_id")
        if sent:
            if type(sent) is not str:
                raise ValueError("execution_id should be a string")
            if "id" in self.__pydantic_fields_set__:  # the platform sent both
                more["id"] = fields["id"]
            fields["id"] = sent
        elif not fields["id"]:
            raise ValueError("an execution has an execution_id or an id")
        return self


def fill_in(execution: Execution, workflow_id: str, inputs: dict[str, Any] | None) -> Execution:
    """Return an execution with what its caller knows, where the platform didn't send it.

    It is set past Pydantic, as in `attach_response`: dumps don't have it.

    Args:
        execution: The execution.
        workflow_id: The ID of its workflow.
        inputs: Its inputs as JSON. None if they aren't known.
    """
    attributes = vars(execution)
    if "workflow_id" not in execution.model_fields_set:
        attributes["workflow_id"] = workflow_id
    attributes["_inputs"] = inputs
    return execution


_WITHOUT_SUCCESS = TERMINAL_STATUSES - {"completed"}


_SHOWN_FAULTS = 5


def outputs_as(outputs: Mapping[str, Any], model: type[T], source: str) -> T:
    """Return outputs as an object of a type.

    Args:
        outputs: The outputs by name.
        model: The type.
        source: What they are the outputs of, for the message.

    Raises:
        OutputError: If they don't fit.
        TypeError: If Pydantic can't validate the type.
    """
    from pydantic import PydanticUserError, TypeAdapter  # most programs read `outputs`
    from pydantic_core import to_json

    try:
        # Read as the JSON that they were, which strict models of it are written for.
        return TypeAdapter(model).validate_json(to_json(outputs))
    except ValidationError as error:
        cause = _without_values(error)
    except (PydanticUserError, NameError) as error:  # the second for a name that is resolved later and isn't known
        raise TypeError(f"model must be a type that pydantic validates, such as a BaseModel, not {model!r}") from error
    # Raised here: the exception above has the values in its text, and would be the context of this one.
    faults = [f"{'.'.join(map(str, fault['loc'])) or 'all'}: {fault['msg']}" for fault in cause.errors()]
    more = f"; and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
    text = f"the outputs of {source} do not fit {cause.title}: {'; '.join(faults[:_SHOWN_FAULTS])}{more}"
    raise OutputError(text) from cause


def _without_values(error: ValidationError) -> ValidationError:
    """Return the error without the values of the input in its text. Its `errors()` has them."""
    from pydantic_core import InitErrorDetails, PydanticCustomError

    faults: list[InitErrorDetails] = []
    for fault in error.errors():
        # Of pydantic's own messages, this one alone has a value.
        message = "Input tag is not one of those expected" if fault["type"] == "union_tag_invalid" else fault["msg"]
        kind = PydanticCustomError(_literal(fault["type"]), _literal(message))
        faults.append(InitErrorDetails(type=kind, loc=fault["loc"], input=fault["input"]))
    return ValidationError.from_exception_data(error.title, faults, "json", hide_input=True)


def _literal(text: Any) -> LiteralString:
    """Return text as the type that Pydantic asks for, which looks for no placeholders in it without a context."""
    return text  # type: ignore[no-any-return]


# The fields of an object in place of a text that may have it.
_TEXT_FIELDS = ("message", "detail", "code")
_LONGEST_REASON = 2000


class ExecutionFailure(NamedTuple):
    """Why an execution failed, as far as the platform reports it."""

    node: str | None = None
    """The ID of the node that failed. None if it isn't known."""

    reason: str | None = None
    """The cause as text. None if it isn't known."""


def failure_of(execution: Execution) -> ExecutionFailure:
    """Return why an execution failed or was canceled: the first failed node that says why, else the execution."""
    nodes = (execution.trace or []) if execution.status != "cancelled" else []
    failed = [ExecutionFailure(node.id, error_text(node.error)) for node in nodes if node.status == "failed"]
    first = next((node for node in failed if node.reason), failed[0] if failed else ExecutionFailure())
    return ExecutionFailure(first.node, first.reason or execution.error)


def execution_error(execution: Execution) -> ExecutionFailedError:
    """Return the error of an execution that ended without success, which has another class if it was canceled.

    Its texts don't contain the API key, even if the platform echoes it.
    """
    from fibonacci._texts.logging import redact_keys_in_use

    failure = failure_of(execution)
    text, reason = redact_keys_in_use([failure_text(execution, failure), failure.reason])
    kind = ExecutionCancelledError if execution.status == "cancelled" else ExecutionFailedError
    return kind(text, execution=execution, reason=reason)


def failure_text(execution: Execution, failure: ExecutionFailure) -> str:
    """Return the message of an `ExecutionFailedError`."""
    how = {"failed": "failed", "cancelled": "was canceled"}.get(execution.status or "", f"ended as {execution.status}")
    where = f" at node {failure.node!r}" if failure.node else ""
    return f"execution {execution.id} {how}{where}" + (f": {failure.reason}" if failure.reason else "")


def error_text(error: object) -> str | None:
    """Return the text of an error as the platform sends it: text, an object with a message, or a list of either."""
    if isinstance(error, dict):
        fields = cast("dict[str, object]", error)
        error = next((fields[name] for name in _TEXT_FIELDS if fields.get(name)), None)
    if isinstance(error, list):
        error = "; ".join(text for item in cast("list[object]", error) if (text := error_text(item)))
    return (error.strip()[:_LONGEST_REASON] or None) if isinstance(error, str) else None
