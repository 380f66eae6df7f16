"""`client.workflows`: its calls, and what is made of several: run one, run many, deploy a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from pydantic import BaseModel

from fibonacci._async.resource import AsyncPager, AsyncPages, AsyncResource
from fibonacci._core.option_checks import kind_of
from fibonacci._core.request_body import encode
from fibonacci._core.unset import UNSET, Unset
from fibonacci._core.workflow_requests import (
    check_name,
    create_workflow,
    delete_workflow,
    execute_workflow,
    get_workflow,
    list_workflows,
    update_workflow,
)
from fibonacci.errors import AmbiguousNameError, ConfigurationError, loading_error
from fibonacci.models.executions import Execution
from fibonacci.models.workflows import Workflow

if TYPE_CHECKING:
    from pathlib import Path

    from fibonacci._async.batch._workers import AsyncRows
    from fibonacci._async.batch.runs import AsyncRuns
    from fibonacci._async.deployments import AsyncDeployments
    from fibonacci.definitions.authoring.builder import WorkflowBuilder
    from fibonacci.definitions.nodes import WorkflowDefinition
    from fibonacci.deployment.plan import DeploymentChange, DeploymentPlan, DeploymentResult
    from fibonacci.models.run_results import RunResult


class AsyncWorkflowCalls(AsyncResource):
    """Send the requests of workflows: each call is one of them.

    The platform documents the endpoints, and the form of definitions. The bodies of `POST` and `PUT` are choices of the
    SDK: https://docs.fibonacci.today/explanation/contract-choices
    """

    @overload
    async def create(
        self,
        *,
        name: str,
        description: str | Unset | None = UNSET,
        definition: Mapping[str, Any] | BaseModel | Unset | None = UNSET,
    ) -> Workflow: ...
    @overload
    async def create(
        self,
        workflow: WorkflowBuilder | WorkflowDefinition,
        *,
        name: str | Unset = UNSET,
        description: str | Unset | None = UNSET,
    ) -> Workflow: ...
    async def create(
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
            workflow = await client.workflows.create(flow)

            same = await client.workflows.create(
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
        return await self._send(create_workflow(name, description, definition))

    async def get(self, workflow_id: str) -> Workflow:
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
            assert (await client.workflows.get(workflow.id)).name == workflow.name
            ```
        """
        return await self._send(get_workflow(workflow_id))

    async def update(
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
            changed = await client.workflows.update(workflow.id, description="Greets people by name")
            ```
        """
        return await self._send(update_workflow(workflow_id, name, description, definition))

    async def delete(self, workflow_id: str) -> None:
        """Delete a workflow (`DELETE /workflows/{id}`).

        Args:
            workflow_id: The id of the workflow, such as `"wf-abc123"`.

        Raises:
            NotFoundError: If there is no such workflow.
            APIError: If anything else goes wrong.
            ValueError: If `workflow_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            unwanted = await client.workflows.create(name="Unwanted")
            await client.workflows.delete(unwanted.id)
            ```
        """
        await self._send(delete_workflow(workflow_id))

    async def execute(
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
            execution = await client.workflows.execute(workflow.id, inputs={"name": "Ada"})
            print(execution.status, execution.outputs)
            ```
        """
        return await self._send(execute_workflow(workflow_id, inputs, idempotency_key))

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> AsyncPager[Workflow]:
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
            async for workflow in client.workflows.list():
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
    from fibonacci.definitions.nodes import WorkflowDefinition

    if not isinstance(definition, Unset):
        raise TypeError("create takes a workflow or definition=..., not both")
    made = workflow.definition if isinstance(workflow, WorkflowBuilder) else workflow
    if not isinstance(made, WorkflowDefinition):
        raise TypeError(
            f"create takes a WorkflowBuilder or a WorkflowDefinition, not {kind_of(workflow)}: pass JSON as"
            " definition=..., and the name as name=..."
        )
    return made


class AsyncWorkflows(AsyncWorkflowCalls):
    """Create, read, change, delete and run workflows.

    The platform documents the endpoints, and the form of definitions. The bodies of `POST` and `PUT` are choices of the
    SDK: https://docs.fibonacci.today/explanation/contract-choices

    `find`, `get_or_create`, `run`, `run_many`, `plan`, `apply` and `pull` are made of several calls.
    """

    async def find(self, name: str) -> Workflow | None:
        """Return the workflow that has exactly this name.

        It reads the whole list, 200 workflows with each request.

        Args:
            name: The name, with its case and its spaces.

        Returns:
            The workflow as the list has it, or None if there is none.

        Raises:
            AmbiguousNameError: If several workflows have the name; `workflow_ids` lists them.
            APIError: If anything goes wrong.
            TypeError: If the name is not a string. Nothing is sent.
            ValueError: If the name is blank. Nothing is sent.

        Example:
            ```python
            greeting = await client.workflows.find("Greeting")
            print(greeting.id if greeting else "there is none")
            ```
        """
        from fibonacci._async.large_pages import AsyncLargePages  # most programs need none

        check_name(name)
        pages = AsyncPages(AsyncLargePages(self._requestor), list_workflows())
        workflows = [workflow async for page in pages for workflow in page.items if workflow.name == name]
        if len(workflows) > 1:
            ids = [workflow.id for workflow in workflows]
            text = f"{len(workflows)} workflows have the name {name!r}: pass an id, one of {', '.join(ids)}"
            raise AmbiguousNameError(text, workflow_ids=ids)
        return workflows[0] if workflows else None

    async def get_or_create(
        self,
        *,
        name: str,
        description: str | Unset | None = UNSET,
        definition: Mapping[str, Any] | BaseModel | Unset | None = UNSET,
    ) -> Workflow:
        """Return the workflow that has exactly this name, and create it if there is none.

        An existing workflow is returned as it is: its description and definition are not compared and not updated. To
        keep workflows equal to files, use `plan` and `apply`. Two programs that call this at the same time may create
        two workflows, because the platform allows several with one name. The next call is an `AmbiguousNameError` then.

        Args:
            name: The name, with its case and its spaces.
            description: What a new workflow is for.
            definition: The nodes and outputs of a new workflow, JSON as `create` takes it.

        Returns:
            The one that was found, as the list has it, or else the new one.

        Raises:
            AmbiguousNameError: If several workflows have the name; `workflow_ids` lists them.
            ValidationError: If the platform refuses the definition.
            APIError: If anything else goes wrong, as with `create`.
            TypeError: If the definition holds something that has no JSON form. Nothing is sent.
            ValueError: If the name is blank, or the definition holds NaN or an infinity. Nothing is sent.

        Example:
            ```python
            definition = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
            greeter = await client.workflows.get_or_create(name="Greeter", definition=definition)
            same = await client.workflows.get_or_create(name="Greeter")
            assert same.id == greeter.id
            ```
        """
        request = create_workflow(check_name(name), description, definition)
        encode(request.body)  # what cannot be sent is refused now, and not when the workflow is missing
        workflow = await self.find(name)
        return await self._send(request) if workflow is None else workflow

    async def run(
        self,
        workflow_id: str,
        *,
        inputs: Mapping[str, Any] | BaseModel | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = 300,
        on_update: Callable[[Execution], object] | None = None,
        cancel_on_exit: bool = False,
        progress: bool = False,
    ) -> Execution:
        """Start a workflow, wait until it has ended, and raise an error unless it succeeded.

        Every exception that ends it early has a note with the id of the execution, or with the idempotency key while
        the id is not known.

        Args:
            workflow_id: The id of the workflow, such as `"wf-abc123"`.
            inputs: The values of the definition's `{{input.field}}` placeholders, by field; any JSON. A Pydantic model
                is sent with its defaults, by its aliases. Default: none.
            idempotency_key: The `Idempotency-Key` of the request that starts it, as with `execute`.
            timeout: Seconds from the start to the end of the run, the request that starts it included; None for no
                limit. The client's `timeout` limits that request, too.
            on_update: Called with the `Execution` when it has started, and whenever its status, a node, its outputs,
                its error or another field has changed. `duration_ms` and `updated_at` alone are no change.
            cancel_on_exit: Cancel the execution when the wait ends before it does: by `KeyboardInterrupt`, by a
                cancellation, at the timeout, by any error. It takes 5 seconds at most, and a note says whether it was
                canceled.
            progress: Whether to show a bar with the nodes done, or the elapsed time, on stderr (extra `progress`).

        Returns:
            The execution, whose status is `completed`.

        Raises:
            ExecutionFailedError: If it failed; the text and `reason` have the cause.
            ExecutionCancelledError: If it was canceled. It is an `ExecutionFailedError` too.
            WaitTimeoutError: If it has not ended in time. It continues, and `execution` has its id. If no execution was
                received in time, `execution` is None, `idempotency_key` is the key of the request that starts it, and
                `__cause__` is an `APITimeoutError`, whose `outcome_unknown` says whether it may have been started.
            APITimeoutError: If the client's `timeout`, being shorter, ends the request that starts it.
            APIError: If anything else goes wrong, as with `execute`.
            ImportError: If `progress` is True and tqdm is not installed. Nothing is sent.
            TypeError: If the inputs hold something that has no JSON form, or `on_update` is nothing that this client
                can call. Nothing is sent.
            ValueError: If an argument has a wrong value, as with `execute`. Nothing is sent.

        Example:
            ```python
            execution = await client.workflows.run(workflow.id, inputs={"name": "Ada"})
            print(execution.outputs)
            ```
        """
        try:
            from fibonacci._async.run import run  # most first calls need none
        except OSError as error:
            raise loading_error(error) from error
        return await run(
            self._requestor,
            workflow_id,
            execute_workflow(workflow_id, inputs, idempotency_key),
            timeout=timeout,
            on_update=on_update,
            cancel_on_exit=cancel_on_exit,
            progress=progress,
        )

    def run_many(
        self,
        workflow_id: str,
        rows: AsyncRows,
        *,
        key: str | Callable[[Any], object] | None = None,
        inputs: Callable[[Any], object] | None = None,
        journal: str | os.PathLike[str] | None = None,
        resume: bool | None = None,
        concurrency: int | None = None,
        timeout: float | None = 300,
        max_failures: int | None = None,
        max_unknown: int | None = None,
        max_rows: int | None = None,
        on_result: Callable[[RunResult], object] | None = None,
        if_unknown: Literal["raise", "skip", "match", "rerun"] = "raise",
        if_quota_exceeded: Literal["wait", "raise"] = "wait",
        if_new_version: Literal["raise", "continue"] = "raise",
        retry_failed: bool = False,
        ordered: bool = False,
        organization_id: str | None = None,
        progress: bool = False,
    ) -> AsyncRuns:
        """Run a workflow for each of many rows, at most once each.

        Rows run while the result is iterated, as many at a time as the quota leaves. One that fails stops no other.
        With a journal, the same call continues after anything that ended it, a killed process included: rows that have
        ended are not run again, and those that were started are waited for. `if_unknown` decides about rows of which it
        is not known whether they were started.

        Args:
            workflow_id: The id of the workflow, such as `"wf-abc123"`.
            rows: An iterable of rows, such as dicts of inputs or Pydantic models, or a data frame of pandas, polars or
                pyarrow. They are read as they are needed. NaN, NaT and NA are sent as null, times as texts.
            key: What identifies a row in the journal: the name of a column, or a function of the row. Default: its
                index.
            inputs: A function from the row to the inputs. Default: the row itself, a mapping or a Pydantic model.
            journal: The path of a SQLite file on a local disk, or `redis://host:6379/0?journal=NAME` (`rediss://` and
                `unix://` too; extra `redis`), which is created if it is missing. It holds inputs and outputs. In Redis,
                without a name, it is that of the workflow. Default: nothing is kept, and an interrupted call cannot be
                continued.
            resume: Whether the journal must have rows already. True refuses one that is not there or is empty, which
                would run all rows again; False refuses one that has rows. Default: continue it, or begin.
            concurrency: The largest number of executions that run at a time. Default: the quota's
                `concurrent_executions` less what others have running; 100 at most.
            timeout: Seconds to wait for each execution; None for no limit. The execution of a row that takes longer
                continues, and counts towards `concurrency` until it has ended. Another call with the journal waits for
                it again. When such executions leave no place for a row for as long again, the run stops.
            max_failures: How many rows may fail or time out before no further one is started. Default: all, unless none
                of the first 25 rows that end succeeds.
            max_unknown: How many rows may be started without it being known whether they were, before no further one
                is. Default: all, with the same exception.
            max_rows: How many rows to start in this call. The others are left to the next one. Default: all.
            on_result: Called with each `RunResult` before it is yielded.
            if_unknown: What to do with rows of which it is not known whether they were started, once all others have
                ended: `"raise"` an error that lists them, `"skip"` them, which yields them as unknown, `"match"` them
                with executions that have their inputs and raise for those in doubt, or `"rerun"` them. A match may be
                the execution of another program; it is none of another row, in this journal or in those beside it.
            if_quota_exceeded: Whether to `"wait"` for an hourly or daily quota, or to `"raise"` a `QuotaExceededError`
                once the rows under way have ended.
            if_new_version: Whether to `"raise"` a `JournalError` if the workflow has changed since rows of the journal
                were started, or changes while rows run, or to `"continue"`: the rows that are left run with the new
                version. A change is noticed within a minute.
            retry_failed: Whether to start rows again that have failed in an earlier call with the journal. Their
                `attempts` have every start.
            ordered: Whether results come in the order of the rows. Then no row starts more than 1,000 rows ahead.
            organization_id: The id of the organization whose quota counts. Default: that of the workflow.
            progress: Whether to show a bar on stderr (extra `progress`), or a log line a minute without a terminal.

        Returns:
            The runs, to iterate for a `RunResult` of each row as it ends. They send nothing before.

        Raises:
            TypeError: If an argument is of the wrong type. Nothing is sent.
            ValueError: If an argument has a wrong value. While it is iterated: if two rows have the same key, if a row
                has other inputs than in the journal, or if the first row is not what the workflow needs, as when a
                column is misspelled: then nothing is started. Equal keys in a sequence, such as a list, are noticed
                before anything is sent.
            JournalError: While it is iterated, if the journal cannot be used, or the workflow has changed.
            ImportError: While it is iterated, if the journal is in Redis, and redis-py is not installed. Nothing is
                sent.
            UnknownOutcomeError: At the end, if it is not known whether some rows were started.
            TooManyFailuresError: At the end, if more rows than `max_failures` have failed or timed out, or none of the
                first 25 has succeeded.
            RunsStoppedError: At the end, if another process has stopped the rows before all had ended.
            WaitTimeoutError: At the end, if executions that have not ended in time leave no place for further rows.
            NotFoundError: While it is iterated, if there is no such workflow or organization.
            QuotaExceededError: At the end, if a quota is exhausted and `if_quota_exceeded` is `"raise"`.
            APIError: While it is iterated, if the platform would refuse every row, or cannot be reached for 15 minutes.

        Example:
            ```python
            rows = [{"id": 7, "name": "Ada"}, {"id": 8, "name": "Bob"}]
            runs = client.workflows.run_many(workflow.id, rows, key="id", journal="greetings.db")
            async for run in runs:
                print(run.key, run.outputs if run.succeeded else run.error)
            print(runs.summary)
            ```
        """
        # The signature is the one list of the options: what it binds is checked whole, by name.
        given = dict(locals())
        from fibonacci._async.batch._workers import ROW_METHODS  # most programs need none of these
        from fibonacci._async.batch.runs import AsyncRuns
        from fibonacci._batch.options import BatchOptions
        from fibonacci._batch.rows import checked_rows
        from fibonacci._core.option_checks import check_callback

        try:
            check_callback("on_result", on_result, close=self._requestor.config.close)
            rows = checked_rows(rows, key, ROW_METHODS)
            options = BatchOptions(rows, given)
        except (ConfigurationError, TypeError, ValueError) as error:
            raise error.with_traceback(None) from error.__cause__  # the way to the check is of no use
        return AsyncRuns(self._requestor, workflow_id, rows, options)

    async def plan(
        self,
        folder: str | os.PathLike[str],
        *,
        environment: str | None = None,
        moved: Mapping[str, str | None] | None = None,
    ) -> DeploymentPlan:
        """Compare the definitions in a folder with the platform, and return what `apply` would do.

        Nothing is changed, neither on the platform nor on the disk. The definitions are checked as `check_definition`
        does, with the tools of the platform, which are listed once.

        Args:
            folder: The path of the folder, in which each `*.yaml`, `*.yml` and `*.json` is a workflow.
            environment: What the folder is deployed to, such as `"staging"`: the name of the folder in `.fibonacci`
                that has its state. Default: `FIBONACCI_ENVIRONMENT`, else the name of the client's profile, else
                `"default"`.
            moved: By the name of a file at the last apply, without its suffix, the name that it has now, where no name
                in the file tells: `{"triage": "sorting"}`. None for a file that is gone for good.

        Returns:
            The plan. Its text names each problem of the files, and each change with the reason. With an error among its
            `problems` it has no changes; warnings don't stop it.

        Raises:
            DeploymentError: If the folder, its state or the platform does not allow a plan.
            ValueError: If `moved` has a file that is not there.
            ConfigurationError: If `environment` cannot be the name of a folder.
            TypeError: If an argument has the wrong type. Nothing is sent.
            APIError: If a call fails.
            ImportError: If a file is YAML and PyYAML is not installed (extra `yaml`).

        Example:
            ```python
            from pathlib import Path

            Path("flows").mkdir()
            Path("flows", "hello.json").write_text('{"nodes": [{"id": "hi", "type": "llm", "instruction": "Say hi"}]}')
            plan = await client.workflows.plan("flows")
            print(plan)
            await client.workflows.apply(plan)
            ```
        """
        return await self._deployments().plan(folder, environment, moved)

    async def apply(
        self,
        plan: DeploymentPlan,
        *,
        allow_delete: bool = False,
        overwrite: bool = False,
        on_change: Callable[[DeploymentChange], object] | None = None,
    ) -> DeploymentResult:
        """Make the changes of a plan, in order, and no others.

        The state in `.fibonacci`, in the folder, is written after each.

        Args:
            plan: What `plan` returned, for the same platform.
            allow_delete: Whether workflows may be deleted. Without it, a plan that deletes any is refused as a whole.
            overwrite: Whether workflows may be replaced that were changed on the platform since the last apply. Without
                it, a plan with such a conflict is refused as a whole.
            on_change: Called with each `DeploymentChange` when it is made; that of a creation has the new
                `workflow_id`.

        Returns:
            The changes that were made, with the workflows that were created or updated.

        Raises:
            DefinitionError: If the plan has an error among its problems; it has them all. Nothing is sent.
            StalePlanError: If a workflow of the plan, or the state, has changed since the plan was made.
            DeploymentError: If the plan deletes workflows or has conflicts, or was made for another platform. Nothing
                was done.
            APIError: If a call fails. A note counts the changes made before it; a new plan has the others.
            TypeError: If `plan` is no plan. Nothing is sent.

        Example:
            ```python
            from pathlib import Path

            Path("flows").mkdir()
            Path("flows", "hello.json").write_text('{"nodes": [{"id": "hi", "type": "llm", "instruction": "Say hi"}]}')
            result = await client.workflows.apply(await client.workflows.plan("flows"))
            print([change.action for change in result.changes])  # prints: ['create']
            ```
        """
        return await self._deployments().apply(
            plan, allow_delete=allow_delete, overwrite=overwrite, on_change=on_change
        )

    async def pull(
        self,
        workflow_id: str,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        environment: str | None = None,
    ) -> Path:
        """Write the definition of a workflow to a file, and record both in the state in `.fibonacci` beside it.

        In a file that exists, only what differs from the workflow changes. Comments, the order of keys and nodes,
        quotes, block texts and spellings stay. A comment goes with the node, key or item that it belongs to.

        Args:
            workflow_id: The id of the workflow, such as `"wf-abc123"`.
            path: The path of a `*.yaml`, `*.yml` or `*.json`, or of a folder. In a folder, the file that the state has
                for the workflow, else a new one named after it.
            overwrite: Whether to replace a file that differs from what was last applied.
            environment: The environment that it is pulled from, as for `plan`.

        Returns:
            The path of the file that was written.

        Raises:
            NotFoundError: If there is no such workflow.
            DeploymentError: If the file has changes of its own, or belongs to another workflow, or has comments that
                cannot be kept.
            APIError: If the call fails.
            ImportError: If the file is YAML and PyYAML is not installed (extra `yaml`).
            OSError: If the file cannot be written. Where files cannot be made in the folder, nothing is sent.

        Example:
            ```python
            path = await client.workflows.pull(workflow.id, "greeting.json")
            print(path.read_text())
            ```
        """
        return await self._deployments().pull(workflow_id, path, overwrite=overwrite, environment=environment)

    def _deployments(self) -> AsyncDeployments:
        from fibonacci._async.deployments import AsyncDeployments  # most calls need none

        return AsyncDeployments(self._requestor)
