# Derived from fibonacci/_async/workflows.py by tests/tools/mirror.py; change that file, not this one.
"""`client.workflows`: one method per endpoint, and `run`, `run_many`, `plan` and others that combine several."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from pydantic import BaseModel

from fibonacci._core.logs import log_workflow
from fibonacci._core.options import UNSET, Unset
from fibonacci._core.request import encode
from fibonacci._core.urls import check_id
from fibonacci._core.workflow_requests import (
    Definition,
    check_name,
    create_workflow,
    delete_workflow,
    execute_workflow,
    get_workflow,
    list_workflows,
    sent_inputs,
    update_workflow,
)
from fibonacci._remedies import worded
from fibonacci._sync.resource import Pager, Pages, Resource
from fibonacci.definitions.document import Document, checked_definition
from fibonacci.errors import AmbiguousNameError, ConfigurationError
from fibonacci.models.executions import Execution, fill_in
from fibonacci.models.workflows import Workflow

if TYPE_CHECKING:
    from pathlib import Path

    from fibonacci._sync.batch._workers import Rows
    from fibonacci._sync.batch.runs import Runs
    from fibonacci._sync.deployments import Deployments
    from fibonacci.definitions.authoring.builder import WorkflowBuilder
    from fibonacci.deployment.plan import DeploymentChange, DeploymentPlan, DeploymentResult


class Workflows(Resource):
    """Create, read, change, delete and run workflows.

    The platform documents the endpoints and the format of definitions. It doesn't document the bodies of `POST` and
    `PUT`, so what the SDK sends is an assumption: https://docs.fibonacci.today/explanation/contract-choices

    `find`, `ensure`, `run`, `run_many`, `plan`, `apply` and `pull` combine several requests.
    """

    @overload
    def create(
        self,
        *,
        name: str,
        description: str | Unset | None = UNSET,
        definition: WorkflowBuilder | Mapping[str, Any] | BaseModel | Unset | None = UNSET,
    ) -> Workflow: ...
    @overload
    def create(
        self,
        workflow: WorkflowBuilder | Mapping[str, Any] | BaseModel,
        *,
        name: str | Unset = UNSET,
        description: str | Unset | None = UNSET,
    ) -> Workflow: ...
    def create(
        self,
        workflow: WorkflowBuilder | Mapping[str, Any] | BaseModel | None = None,
        *,
        name: str | Unset = UNSET,
        description: str | Unset | None = UNSET,
        definition: WorkflowBuilder | Mapping[str, Any] | BaseModel | Unset | None = UNSET,
    ) -> Workflow:
        """Create a workflow (`POST /workflows`).

        Args:
            workflow: The definition: a `WorkflowBuilder`, a `WorkflowDefinition` such as `load` returns, or plain JSON.
                The new workflow takes its name and description from it, unless you pass others. Without it, `name` is
                required.
            name: The name that people see. It doesn't have to be unique.
            description: What the workflow is for. If you leave it out, it isn't sent. None is sent as null.
            definition: The nodes and outputs, in place of `workflow`. JSON looks like
                `{"nodes": [...], "outputs": {...}}`.

        Returns:
            The workflow as the platform stores it, with its new `id`.

        Raises:
            ValidationError: If the platform rejects the definition. `details` has what the platform says, and
                `problems` has what `check_definition` finds in the definition.
            APIError: If the call fails for any other reason. If `outcome_unknown` is True, the workflow may have been
                created, so the SDK doesn't send the request again.
            DefinitionError: If the definition of a builder has an error. Nothing is sent.
            TypeError: If the name is missing, `workflow` isn't a definition, or the definition contains a value that
                JSON can't represent. Nothing is sent.
            ValueError: If the definition contains NaN or infinity. Nothing is sent.

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
        return self._send(create_workflow(*_asked("create", workflow, name, description, definition)))

    def get(self, workflow_id: str | Workflow) -> Workflow:
        """Return one workflow (`GET /workflows/{id}`).

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.

        Returns:
            The workflow as the platform stores it, with its definition as JSON.

        Raises:
            NotFoundError: If the workflow doesn't exist.
            APIError: If the call fails for any other reason.
            ValueError: If `workflow_id` is empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            assert client.workflows.get(workflow.id).name == workflow.name
            ```
        """
        return self._send(get_workflow(workflow_id))

    def update(
        self,
        workflow_id: str | Workflow,
        *,
        name: str | Unset = UNSET,
        description: str | Unset | None = UNSET,
        definition: WorkflowBuilder | Mapping[str, Any] | BaseModel | Unset | None = UNSET,
    ) -> Workflow:
        """Change the given fields of a workflow, which makes a new version (`PUT /workflows/{id}`).

        Fields that you leave out keep their values.

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.
            name: The new name.
            description: The new description, or None to clear it.
            definition: The new definition: a `WorkflowBuilder`, a `WorkflowDefinition` or plain JSON.

        Returns:
            The workflow after the change.

        Raises:
            NotFoundError: If the workflow doesn't exist.
            ValidationError: If the platform rejects the definition. `problems` and `details` are as for `create`.
            APIError: If the call fails for any other reason.
            DefinitionError: If the definition of a builder has an error. Nothing is sent.
            TypeError: If the definition contains a value that JSON can't represent. Nothing is sent.
            ValueError: If you pass nothing to change, the definition contains NaN or infinity, or `workflow_id` is
                empty, `.` or `..`. Nothing is sent.

        Example:
            ```python
            changed = client.workflows.update(workflow.id, description="Greets people by name")
            ```
        """
        return self._send(update_workflow(workflow_id, name, description, _checked(definition)))

    def delete(self, workflow_id: str | Workflow) -> None:
        """Delete a workflow (`DELETE /workflows/{id}`).

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.

        Raises:
            NotFoundError: If the workflow doesn't exist.
            APIError: If the call fails for any other reason.
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
        workflow_id: str | Workflow,
        *,
        inputs: Mapping[str, Any] | BaseModel | None = None,
        idempotency_key: str | None = None,
    ) -> Execution:
        """Start a workflow, at most once (`POST /workflows/{id}/execute`).

        The SDK never repeats a request that may have started the workflow, unless the client has
        `idempotency="server"`. A short run has finished by the time you get the response. A longer one is still
        running: wait for it with `executions.wait`, or call `run` instead, which starts and waits. The call times out
        after 300 seconds, unless you set another `timeout` on the client or with `with_options`.

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.
            inputs: Values for the definition's `{{input.field}}` placeholders, by field. Any JSON will do. A Pydantic
                model is sent with its defaults, under its aliases. Default: none.
            idempotency_key: The `Idempotency-Key` of the request, 1 to 255 visible ASCII characters. A server that
                honors it starts the workflow once per key, and gives a repeated request the same response as the first
                one. Default: the key in the client's headers, or else a new one.

        Returns:
            The execution at the time of the response, with its `id`, `status`, `workflow_id` and `inputs`. It has
            `outputs` once it has completed.

        Raises:
            NotFoundError: If the workflow doesn't exist.
            QuotaExceededError: If the plan allows no more runs for now.
            APIError: If the call fails for any other reason. If `outcome_unknown` is True, the workflow may be running.
            TypeError: If the inputs contain a value that JSON can't represent. Nothing is sent.
            ValueError: If the inputs contain NaN or infinity, the key can't be sent, or `workflow_id` is empty, `.` or
                `..`. Nothing is sent.

        Example:
            ```python
            execution = client.workflows.execute(workflow.id, inputs={"name": "Ada"})
            print(execution.status, execution.outputs)
            ```
        """
        request = execute_workflow(workflow_id, inputs, idempotency_key)
        sent = sent_inputs(request)
        return fill_in(self._send(request), check_id("workflow_id", workflow_id), sent)

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> Pager[Workflow]:
        """List the workflows that the key can see (`GET /workflows`).

        Args:
            page_size: The number of workflows per request. Default: the platform's.
            cursor: Where to start: the `next_cursor` of an earlier page.

        Returns:
            A pager. Loop over it to get every workflow, or use its `pages()`, `first()` or `take()`.

        Raises:
            APIError: While you loop over it, if a request fails.

        Example:
            ```python
            for workflow in client.workflows.list():
                print(workflow.id, workflow.name)
            ```
        """
        return self._pager(list_workflows(page_size=page_size, cursor=cursor))

    def find(self, name: str) -> Workflow | None:
        """Find the workflow with exactly this name.

        To find it, this reads the whole list, 200 workflows per request.

        Args:
            name: The name, with the same case and spaces.

        Returns:
            The workflow as the list returns it, or None if no workflow has the name.

        Raises:
            AmbiguousNameError: If several workflows have the name. `workflow_ids` lists them.
            APIError: If a request fails.
            TypeError: If the name isn't a string. Nothing is sent.
            ValueError: If the name is blank. Nothing is sent.

        Example:
            ```python
            greeting = client.workflows.find("Greeting")
            print(greeting.id if greeting else "there is none")
            ```
        """
        from fibonacci._sync.large_pages import LargePages  # most programs need none

        check_name(name)
        pages = Pages(LargePages(self._requestor), list_workflows())
        workflows = [workflow for page in pages for workflow in page.items if workflow.name == name]
        if len(workflows) > 1:
            ids = [workflow.id for workflow in workflows]
            text = f"{len(workflows)} workflows have the name {name!r}: pass one of their ids, {', '.join(ids)}"
            raise AmbiguousNameError(text, workflow_ids=ids)
        return workflows[0] if workflows else None

    def ensure(
        self,
        workflow: WorkflowBuilder | Mapping[str, Any] | BaseModel | None = None,
        *,
        name: str | Unset = UNSET,
        description: str | Unset | None = UNSET,
        definition: WorkflowBuilder | Mapping[str, Any] | BaseModel | Unset | None = UNSET,
    ) -> Workflow:
        """Make sure that a workflow with exactly this name exists and means what you pass, and return it.

        It creates the workflow if none has the name, updates it if its definition means something else (see
        `fibonacci.definitions.diff`) or its description differs, and leaves it as it is otherwise. The logger
        `fibonacci` has a line at INFO that says which. It never runs anything. An update replaces what others changed
        on the platform. To see changes before you make them, and for many workflows, use `plan` and `apply`.

        The platform allows several workflows with one name, so two programs that call this at the same time may create
        two. The next call then raises an `AmbiguousNameError`.

        Args:
            workflow: The definition, as for `create`: a `WorkflowBuilder`, a `WorkflowDefinition` or plain JSON. The
                workflow takes its name and description from it, unless you pass others. Without it, `name` is required.
            name: The name, with the same case and spaces.
            description: What the workflow is for. Default: an existing description stays.
            definition: The nodes and outputs as plain JSON, in place of `workflow`. Default: an existing definition
                stays.

        Returns:
            The workflow as the platform has it now.

        Raises:
            AmbiguousNameError: If several workflows have the name. `workflow_ids` lists them.
            ValidationError: If the platform rejects the definition.
            APIError: If a request fails for any other reason, as with `create` and `update`.
            DefinitionError: If the definition of a builder has an error. Nothing is sent.
            TypeError: If the name is missing, `workflow` isn't a definition, or the definition contains a value that
                JSON can't represent. Nothing is sent.
            ValueError: If the name is blank, or the definition contains NaN or infinity. Nothing is sent.

        Example:
            ```python
            from fibonacci import WorkflowBuilder

            flow = WorkflowBuilder("Greeter")
            flow.llm("greet", f"Greet {flow.inputs().name}")
            greeter = client.workflows.ensure(flow)  # creates it, and updates it after you have edited the flow
            assert client.workflows.ensure(flow).version == greeter.version
            ```
        """
        from fibonacci.deployment.content import differs  # most programs need none

        name, description, asked = _asked("ensure", workflow, name, description, definition)
        create = create_workflow(check_name(name), description, asked)
        encode(create.body)  # refuse an unusable body now, even if the workflow exists
        found = self.find(name)
        if found is not None and found.definition is None:  # a list need not have definitions
            found = self.get(found)
        if found is None:
            found, done = self._send(create), "created"
        elif differs(
            found,
            found.description if isinstance(description, Unset) else description,
            found.definition if isinstance(asked, Unset) else asked,
        ):
            found, done = self._send(update_workflow(found, UNSET, description, asked)), "updated"
        else:
            done = "left as it is"
        log_workflow(found, done)
        return found

    def run(
        self,
        workflow_id: str | Workflow,
        *,
        inputs: Mapping[str, Any] | BaseModel | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = 300,
        on_update: Callable[[Execution], object] | None = None,
        cancel_on_exit: bool = False,
        progress: bool = False,
    ) -> Execution:
        """Start a workflow, wait until it ends, and raise an error unless it succeeded.

        If an exception ends the call after the request was sent, it has a note with the ID of the execution, so that
        you can find the execution again. Until the ID is known, the note has the idempotency key instead.

        A run that has already ended when the platform responds takes one more request, which reads what that response
        lacks, such as the `trace`.

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.
            inputs: Values for the definition's `{{input.field}}` placeholders, by field. Any JSON will do. A Pydantic
                model is sent with its defaults, under its aliases. Default: none.
            idempotency_key: The `Idempotency-Key` of the request that starts the workflow, as for `execute`.
            timeout: Seconds for the whole run, including the request that starts it. None means no limit. The client's
                `timeout` limits that request too.
            on_update: Called with the `Execution` when it has started, and again whenever its status, a node, its
                outputs, its error or another field changes. A change of `duration_ms` or `updated_at` alone doesn't
                count.
            cancel_on_exit: Whether to cancel the execution if the call ends before the execution does, because of
                `KeyboardInterrupt`, a cancellation, the timeout or any other error. Canceling takes 5 seconds at most,
                and a note on the exception says whether it worked.
            progress: Whether to show a progress bar on stderr, with the nodes done or the elapsed time (extra
                `progress`).

        Returns:
            The execution, with the status `completed`.

        Raises:
            ExecutionFailedError: If the execution failed. The message and `reason` say why.
            ExecutionCancelledError: If the execution was canceled. This is an `ExecutionFailedError` too.
            WaitTimeoutError: If the execution hasn't ended in time. It may still be running, so wait again with the ID
                in `execution` rather than call `run` again. If no execution was received in time, `execution` is None,
                `idempotency_key` is the key of the request, and `__cause__` is an `APITimeoutError`. Its
                `outcome_unknown` says whether the workflow may have started.
            APITimeoutError: If the client's `timeout` is shorter, and ends the request that starts the workflow.
            APIError: If a request fails for any other reason, as with `execute`.
            ImportError: If `progress` is True and tqdm isn't installed. Nothing is sent.
            TypeError: If the inputs contain a value that JSON can't represent, or `on_update` isn't a function that
                this client can call. A sync client takes plain functions only. Nothing is sent.
            ValueError: If an argument has an invalid value, as with `execute`. Nothing is sent.

        Example:
            ```python
            execution = client.workflows.run(workflow.id, inputs={"name": "Ada"})
            print(execution.outputs)
            ```
        """
        from fibonacci._sync.run import run  # most first calls need none

        return run(
            self._requestor,
            check_id("workflow_id", workflow_id),
            execute_workflow(workflow_id, inputs, idempotency_key),
            timeout=timeout,
            on_update=on_update,
            cancel_on_exit=cancel_on_exit,
            progress=progress,
        )

    def run_many(
        self,
        workflow_id: str | Workflow,
        rows: Rows,
        *,
        key: str | Callable[[Any], object] | None = None,
        inputs: Callable[[Any], object] | None = None,
        journal: str | os.PathLike[str] | None = None,
        resume: bool | None = None,
        concurrency: int | None = None,
        timeout: float | None = 300,
        max_failures: int | None = None,
        max_rows: int | None = None,
        if_unknown: Literal["raise", "rerun"] = "raise",
        if_quota_exceeded: Literal["wait", "raise"] = "wait",
        if_new_version: Literal["raise", "continue"] = "raise",
        retry_failed: bool = False,
        ordered: bool = False,
        progress: bool = False,
    ) -> Runs:
        """Run a workflow for each of many rows, at most once per row.

        Rows run while you loop over the result, as many at a time as your quota allows. If one fails, the others go on.

        With a journal, the same call picks up where it left off, even after the process was killed. Rows that have
        ended don't run again, and the SDK waits for rows that were started. If it can't tell whether a row was started,
        `if_unknown` says what to do.

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.
            rows: An iterable of rows, such as dicts of inputs or Pydantic models, or a data frame of pandas, polars or
                pyarrow. The SDK reads rows as it needs them. It sends NaN, NaT and NA as null, and times as text.
            key: What identifies a row in the journal: the name of a column, or a function of the row. Default: the
                row's index.
            inputs: A function that turns a row into inputs. Default: the row itself, a mapping or a Pydantic model.
            journal: The path of a SQLite file on a local disk. The file is created if it doesn't exist, and it stores
                inputs and outputs. For machines that take over each other's rows, pass a journal in PostgreSQL (extra
                `postgres`): `postgresql://user@host/database?journal=NAME`. Default: no journal, and you can't
                continue an interrupted call.
            resume: Whether the journal must already have rows. If True, the call refuses a missing or empty journal, so
                that a mistyped path doesn't run all rows again. If False, it refuses a journal with rows. Default:
                continue a journal, or start one.
            concurrency: The largest number of executions at a time. Default: the quota's `concurrent_executions` minus
                what others are running, at most 100.
            timeout: Seconds to wait for each execution. None means no limit. An execution that takes longer keeps
                running, and counts toward `concurrency` until it ends. Another call with the journal waits for it
                again. If executions past their timeout take every slot, no row can start. After `timeout` more seconds
                like that, the run stops.
            max_failures: How many rows may fail, time out or have an unknown outcome before the SDK stops starting new
                ones. Default: no limit, but the run stops once 25 rows have ended and none has succeeded.
            max_rows: How many rows to start in this call. The rest are left to the next call. Default: all.
            if_unknown: What to do about rows that may or may not have started, once all others have ended. `"raise"`
                yields them with the status `"unknown"` and raises an error that lists them at the end. `"rerun"` starts
                them again, so a row may run twice.
            if_quota_exceeded: Whether to `"wait"` for an hourly or daily quota, or to `"raise"` a `QuotaExceededError`
                once the rows under way have ended.
            if_new_version: What to do if the workflow has changed since rows of the journal were started, or changes
                while rows run. `"raise"` raises a `JournalError`. `"continue"` runs the rows that are left with the new
                version. The SDK notices a change within a minute.
            retry_failed: Whether to rerun rows that failed in an earlier call with the journal. `RunResult.attempts`
                has every start of such a row.
            ordered: Whether to yield results in the order of the rows. If so, no row starts more than 1,000 rows ahead
                of the next result.
            progress: Whether to show a progress bar on stderr (extra `progress`). Without a terminal, the SDK logs a
                line a minute instead.

        Returns:
            The runs. Loop over them to get a `RunResult` for each row as it ends. Nothing is sent before you do. The
            execution of a row has the fields that the platform sent when it ended. `run_many` doesn't read it once
            more, as `run` does.

        Raises:
            TypeError: If an argument has the wrong type. Nothing is sent.
            ValueError: If an argument has an invalid value. While you loop, if two rows have the same key, a row's
                inputs differ from those in the journal, or the first row doesn't fit the workflow. For example, the
                first row doesn't fit if a column is misspelled, and then no row is started. In a list or another
                sequence, equal keys are found before anything is sent.
            JournalError: While you loop, if the journal can't be used, or the workflow has changed.
            UnknownOutcomeError: At the end, if it isn't known whether some rows were started.
            TooManyFailuresError: At the end, if more rows than `max_failures` failed, timed out or have an unknown
                outcome, or none of the first 25 succeeded.
            RunsStoppedError: At the end, if another process stopped the run before all rows had ended.
            WaitTimeoutError: At the end, if executions that outlast `timeout` use up all of `concurrency`.
            NotFoundError: While you loop, if the workflow doesn't exist.
            QuotaExceededError: At the end, if a quota is used up and `if_quota_exceeded` is `"raise"`.
            APIError: While you loop, if the platform would refuse every row, or can't be reached for 15 minutes.

        Example:
            ```python
            rows = [{"id": 7, "name": "Ada"}, {"id": 8, "name": "Bob"}]
            runs = client.workflows.run_many(workflow.id, rows, key="id", journal="greetings.db")
            for run in runs:
                print(run.key, run.outputs if run.succeeded else run.error)
            print(runs.summary)
            ```
        """
        # The signature is the one list of the options: what it binds is checked whole, by name.
        given = dict(locals())
        from fibonacci._batch.options import BatchOptions
        from fibonacci._batch.rows import checked_rows
        from fibonacci._sync.batch._workers import ROW_METHODS  # most programs need none of these
        from fibonacci._sync.batch.runs import Runs

        try:
            rows = checked_rows(rows, key, ROW_METHODS)
            options = BatchOptions(rows, given)
            workflow_id = check_id("workflow_id", workflow_id)
        except (ConfigurationError, TypeError, ValueError) as error:
            raise error.with_traceback(None) from error.__cause__  # the way to the check is of no use
        return Runs(self._requestor, workflow_id, rows, options)

    def plan(
        self,
        folder: str | os.PathLike[str],
        *,
        environment: str | None = None,
        moved: Mapping[str, str | None] | None = None,
    ) -> DeploymentPlan:
        """Compare the definitions in a folder with the platform, and return what `apply` would do.

        It changes nothing, on the platform or on disk. It checks the definitions as `check_definition` does. For that,
        it lists the platform's tools once.

        Args:
            folder: The path of the folder. Each `*.yaml`, `*.yml` and `*.json` file in it is a workflow.
            environment: Where you deploy to, such as `"staging"`. The state of an environment, which is what was last
                applied to it, is in `.fibonacci/ENVIRONMENT` in `folder`. Default: `FIBONACCI_ENVIRONMENT`, or else the
                name of the client's profile, or else `"default"`.
            moved: Workflows that the plan can't recognize, such as `{"triage": "sorting"}`. The keys are the names at
                the last apply, and the values are the new names. If a file has no `name`, its workflow's name is that
                of the file, without suffix. The value None means that the workflow is gone for good.

        Returns:
            The plan. Print it to see each problem in the files, and each change with its reason. If one of its
            `problems` is an error, the plan has no changes. Warnings don't stop it.

        Raises:
            DeploymentError: If no plan can be made, for example because the folder has no definitions, or its state
                belongs to another platform or organization. The message says what is wrong.
            ValueError: If `moved` has a name that doesn't exist.
            ConfigurationError: If `environment` can't be the name of a folder.
            TypeError: If an argument has the wrong type. Nothing is sent.
            APIError: If a request fails.
            ImportError: If a file is YAML and PyYAML isn't installed (extra `yaml`).

        Example:
            ```python
            from pathlib import Path

            Path("flows").mkdir()
            Path("flows", "hello.json").write_text('{"nodes": [{"id": "hi", "type": "llm", "instruction": "Say hi"}]}')
            plan = client.workflows.plan("flows")
            print(plan)
            client.workflows.apply(plan)
            ```
        """
        return self._deployments().plan(folder, environment, moved)

    def apply(
        self,
        plan: DeploymentPlan,
        *,
        allow_delete: bool = False,
        allow_empty: bool = False,
        overwrite: bool = False,
        on_change: Callable[[DeploymentChange], object] | None = None,
    ) -> DeploymentResult:
        """Make the changes of a plan, in order, and no others.

        After each change, it writes the state in the folder's `.fibonacci`.

        Args:
            plan: What `plan` returned, for the same platform.
            allow_delete: Whether `apply` may delete workflows. If False, `apply` refuses a plan that deletes any, and
                changes nothing.
            allow_empty: Whether `apply` may do so if no definition is left in the folder, which is more often a wrong
                path or an incomplete checkout.
            overwrite: Whether `apply` may replace workflows that somebody changed on the platform since the last apply.
                If False, `apply` refuses a plan with such a conflict, and changes nothing.
            on_change: Called with each `DeploymentChange` once it is made. For a new workflow, it has the new
                `workflow_id`.

        Returns:
            The changes that were made, with the workflows that were created or updated.

        Raises:
            DefinitionError: If one of the plan's `problems` is an error. The exception has all of them. Nothing is
                sent.
            StalePlanError: If a workflow of the plan, or the state, has changed since you made the plan.
            DeploymentError: If the plan deletes workflows and `allow_delete` is False, or no definition is left and
                `allow_empty` is False, or the plan has conflicts and `overwrite` is False. Also if it was made for
                another platform or organization, or the state can't be read. Nothing changes.
            APIError: If a request fails. A note on the exception says how many changes were made before. To make the
                rest, make a new plan.
            TypeError: If `plan` isn't a plan. Nothing is sent.

        Example:
            ```python
            from pathlib import Path

            Path("flows").mkdir()
            Path("flows", "hello.json").write_text('{"nodes": [{"id": "hi", "type": "llm", "instruction": "Say hi"}]}')
            result = client.workflows.apply(client.workflows.plan("flows"))
            print([change.action for change in result.changes])  # prints: ['create']
            ```
        """
        return self._deployments().apply(
            plan, allow_delete=allow_delete, allow_empty=allow_empty, overwrite=overwrite, on_change=on_change
        )

    def pull(
        self,
        workflow_id: str | Workflow,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        merge: bool = False,
        environment: str | None = None,
    ) -> Path:
        """Write the definition of a workflow to a file, and record it in the state (`.fibonacci` next to the file).

        If the file exists, `pull` changes only the parts that differ from the workflow. Comments, quotes, block
        strings, older names of fields (such as `prompt`), and the order of keys and nodes stay. A comment goes with the
        node, key or item that it belongs to. The name and description are those that people see on the platform.

        Args:
            workflow_id: The ID of the workflow, such as `"wf-abc123"`, or the `Workflow`.
            path: The path of a `*.yaml`, `*.yml` or `*.json` file, or of a folder. In a folder, `pull` writes the file
                that the state names for the workflow, or else a new file named after the workflow.
            overwrite: Whether to replace a file that differs from what was last applied.
            merge: Whether to keep the changes of such a file, and add those that were made on the platform since then.
                For that, `pull` reads the version that was last applied (`versions.get`). If you pass both, `overwrite`
                only means that comments may be lost.
            environment: The environment to pull from, as for `plan`.

        Returns:
            The path of the file.

        Raises:
            NotFoundError: If the workflow doesn't exist.
            DeploymentError: If the file has local changes, belongs to another workflow, or has comments that can't be
                kept. With `merge`, if the file and the workflow changed the same field in different ways: the code is
                `"conflict"`, and nothing is written.
            APIError: If the request fails.
            ImportError: If the file is YAML and PyYAML isn't installed (extra `yaml`).
            OSError: If the file can't be written. If the folder doesn't take new files at all, nothing is sent.

        Example:
            ```python
            path = client.workflows.pull(workflow.id, "greeting.json")
            print(path.read_text())
            ```
        """
        return self._deployments().pull(workflow_id, path, overwrite=overwrite, merge=merge, environment=environment)

    def _deployments(self) -> Deployments:
        from fibonacci._sync.deployments import Deployments  # most calls need none

        return Deployments(self._requestor)


def _asked(
    call: str, workflow: object, name: str | Unset, description: str | Unset | None, definition: object
) -> tuple[str, str | Unset | None, Definition | Unset]:
    """Return the name, the description and the definition that a call asks for.

    Raises:
        DefinitionError: If the definition of a builder has an error.
        TypeError: If there is no name, two definitions are given, or one is something else.
    """
    if workflow is None:
        asked = _checked(definition)
    elif isinstance(definition, Unset):
        asked = _checked(workflow)
        own = Document.of(asked).value
        name = own.get("name") or UNSET if isinstance(name, Unset) else name
        if isinstance(description, Unset) and own.get("description") is not None:
            description = own["description"]
    else:
        arguments = worded("a workflow or definition=...", "FILE or --definition")
        raise TypeError(f"{call} takes {arguments}, not both")
    if isinstance(name, Unset):
        remedy = worded("name=..., or a definition with a name as the workflow", "--name NAME, or a FILE that has one")
        raise TypeError(f"{call} needs a name: pass {remedy}")
    return name, description, asked


def _checked(definition: object) -> Definition | Unset:
    """Return a definition as it is sent.

    Raises:
        DefinitionError: If that of a builder has an error.
        TypeError: If it is something else.
    """
    return definition if isinstance(definition, Unset | None) else checked_definition(definition)
