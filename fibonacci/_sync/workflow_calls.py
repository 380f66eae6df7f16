# Derived from fibonacci/_async/workflow_calls.py by tests/mirror.py; change that file, not this one.
"""The endpoints of workflows: create, read, change, delete and execute them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from pydantic import BaseModel

from fibonacci._core.option_checks import kind_of
from fibonacci._core.unset import UNSET, Unset
from fibonacci._core.workflow_requests import (
    create_workflow,
    delete_workflow,
    execute_workflow,
    get_workflow,
    list_workflows,
    update_workflow,
)
from fibonacci._sync._resource import Resource
from fibonacci._sync.pager import Pager
from fibonacci.models.executions import Execution
from fibonacci.models.workflows import Workflow

if TYPE_CHECKING:
    from fibonacci.definitions.authoring.builder import WorkflowBuilder
    from fibonacci.definitions.model.workflow import WorkflowDefinition


class WorkflowCalls(Resource):
    """Send the requests of workflows: each call is one of them.

    The platform documents the endpoints, and the form of definitions. The bodies of `POST` and `PUT` are choices of the
    SDK: https://docs.fibonacci.today/explanation/contract-choices
    """

    @overload
    def create(
        self,
        *,
        name: str,
        description: str | Unset | None = UNSET,
        definition: Mapping[str, Any] | BaseModel | Unset | None = UNSET,
    ) -> Workflow: ...
    @overload
    def create(
        self,
        workflow: WorkflowBuilder | WorkflowDefinition,
        *,
        name: str | Unset = UNSET,
        description: str | Unset | None = UNSET,
    ) -> Workflow: ...
    def create(
        self,
        workflow: WorkflowBuilder | WorkflowDefinition | Unset = UNSET,
        *,
        name: str | Unset = UNSET,
        description: str | Unset | None = UNSET,
        definition: Mapping[str, Any] | BaseModel | Unset | None = UNSET,
    ) -> Workflow:
        """Create a workflow (`POST /workflows`).

        Args:
            workflow: A `WorkflowBuilder`, or a `WorkflowDefinition` such as `load` returns: its definition, with its
                name and description where you give no others. Without it, `name` is required.
            name: The name that people see. Several workflows may have the same.
            description: What the workflow is for. Left out, it is not sent; None is sent as null.
            definition: The nodes and outputs, as JSON or as a `fibonacci.definitions.WorkflowDefinition`. As JSON it is
                `{"nodes": [...], "outputs": {...}}`.

        Returns:
            The workflow as the platform stores it, with its new `id`.

        Raises:
            ValidationError: If the platform refuses the definition: `problems` has what `check_definition` finds in it,
                and `details` what the platform says.
            APIError: If anything else goes wrong. It is not sent again once it may have been carried out: see
                `outcome_unknown`.
            DefinitionError: If the definition of a builder has an error. Nothing is sent.
            TypeError: If the definition holds something that has no JSON form, or there is no name. Nothing is sent.
            ValueError: If the definition holds NaN or an infinity. Nothing is sent.

        Example:
            ```python
            from fibonacci import WorkflowBuilder

            flow = WorkflowBuilder("Greeter", description="Greets people")
            flow.llm("greet", f"Greet {flow.inputs().name}")
            workflow = client.workflows.create(flow)

            same = client.workflows.create(
                name="Greeter",
                definition={"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]},
            )
            ```
        """
        if not isinstance(workflow, Unset):
            whole = _definition_of(workflow, definition)
            definition = whole
            name = whole.name if isinstance(name, Unset) and whole.name is not None else name
            if isinstance(description, Unset) and whole.description is not None:
                description = whole.description
        if isinstance(name, Unset):
            raise TypeError("create needs a name: pass name=..., or a WorkflowBuilder, which has one")
        return self._send(create_workflow(name, description, definition))

    def get(self, workflow_id: str) -> Workflow:
        """Return one workflow (`GET /workflows/{id}`).

        Args:
            workflow_id: The id of the workflow, such as `"wf-abc123"`.

        Returns:
            The workflow as the platform stores it, with its definition as JSON.

        Raises:
            NotFoundError: If there is no such workflow.
            APIError: If anything else goes wrong.
            ValueError: If `workflow_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            assert client.workflows.get(workflow.id).name == workflow.name
            ```
        """
        return self._send(get_workflow(workflow_id))

    def update(
        self,
        workflow_id: str,
        *,
        name: str | Unset = UNSET,
        description: str | Unset | None = UNSET,
        definition: Mapping[str, Any] | BaseModel | Unset | None = UNSET,
    ) -> Workflow:
        """Change the given fields of a workflow, which makes a new version (`PUT /workflows/{id}`).

        Arguments left out are not sent, and what they stand for stays as it is.

        Args:
            workflow_id: The id of the workflow, such as `"wf-abc123"`.
            name: The new name.
            description: The new description; None empties it.
            definition: The new definition, as JSON or as a `fibonacci.definitions.WorkflowDefinition`.

        Returns:
            The workflow after the change.

        Raises:
            NotFoundError: If there is no such workflow.
            ValidationError: If the platform refuses the definition; its `problems` are those of `create`.
            APIError: If anything else goes wrong.
            TypeError: If the definition holds something that has no JSON form. Nothing is sent.
            ValueError: If nothing is given to change, the definition holds NaN or an infinity, or `workflow_id` is
                empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            changed = client.workflows.update(workflow.id, description="Greets people by name")
            ```
        """
        return self._send(update_workflow(workflow_id, name, description, definition))

    def delete(self, workflow_id: str) -> None:
        """Delete a workflow (`DELETE /workflows/{id}`).

        Args:
            workflow_id: The id of the workflow, such as `"wf-abc123"`.

        Raises:
            NotFoundError: If there is no such workflow.
            APIError: If anything else goes wrong.
            ValueError: If `workflow_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            unwanted = client.workflows.create(name="Unwanted")
            client.workflows.delete(unwanted.id)
            ```
        """
        self._send(delete_workflow(workflow_id))

    def execute(
        self,
        workflow_id: str,
        *,
        inputs: Mapping[str, Any] | BaseModel | None = None,
        idempotency_key: str | None = None,
    ) -> Execution:
        """Start a workflow, at most once (`POST /workflows/{id}/execute`).

        A request that may have started it is never sent again, unless the client has `idempotency="server"`. A short
        run has ended by the time of the response. A longer one is still running: use `executions.wait`, or `run`, which
        does both. The time limit of the call is 300 seconds unless the client or `with_options` sets another.

        Args:
            workflow_id: The id of the workflow, such as `"wf-abc123"`.
            inputs: The values of the definition's `{{input.field}}` placeholders, by field; any JSON. A Pydantic model
                is sent with its defaults, by its aliases. Default: none.
            idempotency_key: The `Idempotency-Key` of the request: 1 to 255 visible ASCII characters. A server that
                honors it starts the workflow once for a key, and responds to a repetition as it did to the first.
                Default: that of the client's headers, else a new one.

        Returns:
            The execution as of the response, with its `id` and `status`; `outputs` once it has completed.

        Raises:
            NotFoundError: If there is no such workflow.
            QuotaExceededError: If the plan allows no further run now.
            APIError: If anything else goes wrong. When `outcome_unknown` is True, the workflow may be running.
            TypeError: If the inputs hold something that has no JSON form. Nothing is sent.
            ValueError: If the inputs hold NaN or an infinity, the key cannot be sent, or `workflow_id` is empty, `.` or
                `..`. Nothing is sent.

        Example:
            ```python
            execution = client.workflows.execute(workflow.id, inputs={"name": "Ada"})
            print(execution.status, execution.outputs)
            ```
        """
        return self._send(execute_workflow(workflow_id, inputs, idempotency_key))

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> Pager[Workflow]:
        """List the workflows that the key may see (`GET /workflows`).

        Args:
            page_size: The number of items that each request asks for. Default: the platform's.
            cursor: Where to begin: the `next_cursor` of an earlier page.

        Returns:
            A pager that yields every workflow. It has `pages()`, `first()` and `take()` too.

        Raises:
            APIError: While it is iterated, if anything goes wrong.

        Example:
            ```python
            for workflow in client.workflows.list():
                print(workflow.id, workflow.name)
            ```
        """
        return self._pager(list_workflows(page_size=page_size, cursor=cursor))


def _definition_of(workflow: object, definition: object) -> WorkflowDefinition:
    """Return the definition that a builder makes, or that is one already.

    Raises:
        DefinitionError: If the definition of a builder has an error.
        TypeError: If it is neither, or there is a second definition.
    """
    from fibonacci.definitions.authoring.builder import WorkflowBuilder  # loaded already, if it is one
    from fibonacci.definitions.model.workflow import WorkflowDefinition

    if not isinstance(definition, Unset):
        raise TypeError("create takes a workflow or definition=..., not both")
    made = workflow.definition if isinstance(workflow, WorkflowBuilder) else workflow
    if not isinstance(made, WorkflowDefinition):
        raise TypeError(
            f"create takes a WorkflowBuilder or a WorkflowDefinition, not {kind_of(workflow)}: pass JSON as"
            " definition=..., and the name as name=..."
        )
    return made
