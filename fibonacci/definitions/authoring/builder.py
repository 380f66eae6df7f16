"""`WorkflowBuilder`: a workflow definition written as a Python program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NoReturn, overload

from pydantic import BaseModel, RootModel
from typing_extensions import TypeVar

from fibonacci._texts.suggestions import Hinted
from fibonacci.definitions.authoring.arguments import ArgumentReader, given_arguments, workflow_fields
from fibonacci.definitions.authoring.draft import Draft
from fibonacci.definitions.authoring.handles import ConditionalHandle, NodeHandle, Template, is_model, json_schema
from fibonacci.definitions.checks.tools import NamedTool, ToolSource
from fibonacci.definitions.document import Document
from fibonacci.definitions.nodes import Backoff, CriticOutput, Operator, WorkflowDefinition
from fibonacci.definitions.problems import Problems

InputsT = TypeVar("InputsT", bound=BaseModel)
OutputT = TypeVar("OutputT", bound=BaseModel, default=Any)

Comparison = tuple[object, Operator] | tuple[object, Operator, object]
"""A comparison for `condition=`: `(left, operator, right)`, or `(left, "is_empty")` without a right operand."""


class WorkflowBuilder(Hinted):
    """Builds a workflow definition in Python.

    In an f-string, a node becomes a template, which is a placeholder for its output: `f"Answer {classify}"` is
    `"Answer {{classify}}"`. A node depends on the nodes in its templates and in `after=`. If it is in a branch, it also
    depends on the conditional. The builder writes all of these to the `dependencies` of the node.

    A wrong argument raises a `TypeError` or a `ValueError` in the line that passes it. Call `check` to find problems
    that only the whole definition shows. Each problem names the line of your program that caused it.

    Args:
        name: The name of the workflow that people see.
        description: What the workflow does.
        version: The version of the definition, a number or a text.
        timeout: How many seconds a whole run may take. Default: the platform's.
        retries: How often to retry a node that doesn't set `retries` itself. Default: never.
        retry_delay: How many seconds to wait before such a retry. Default: the platform's.
        retry_backoff: How that delay grows from retry to retry, `linear` or `exponential`. Default: it stays the same.
        allow_partial_results: Whether a failed run has the outputs of the nodes that completed.
        output_schema: What the outputs must look like: a Pydantic model (the class) or a JSON Schema.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument has a wrong value.

    Example:
        ```python
        from fibonacci import WorkflowBuilder

        flow = WorkflowBuilder("greeter")
        given = flow.inputs()
        greet = flow.llm("greet", f"Greet {given.name}")
        flow.output(greeting=greet)
        greeter = client.workflows.ensure(flow)
        ```
    """

    def __init__(
        self,
        name: str,
        *,
        description: str | None = None,
        version: str | float | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        retry_delay: float | None = None,
        retry_backoff: Backoff | None = None,
        allow_partial_results: bool | None = None,
        output_schema: type[BaseModel] | Mapping[str, Any] | None = None,
    ) -> None:
        arguments, read = {"name": name} | given_arguments(locals()), ArgumentReader(self)
        self._draft = Draft(self, read, workflow_fields(arguments, read))
        self._model: type[BaseModel] | None = None

    # Each signature lists all arguments of its node, even the repeated ones for retries, so that editors complete them
    # and type checkers find misspelled ones.

    def llm(
        self,
        id: str,
        instruction: str | Template,
        *,
        model: str | None = None,
        system_prompt: str | Template | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        output_format: Literal["text", "json"] | None = None,
        output_schema: type[OutputT] | Mapping[str, Any] | None = None,
        memory_read: Sequence[str] | None = None,
        memory_write: Mapping[str, Any] | None = None,
        condition: Comparison | None = None,
        fallback: NodeHandle | None = None,
        on_error: NodeHandle | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        retry_delay: float | None = None,
        retry_backoff: Backoff | None = None,
        name: str | None = None,
        after: Sequence[NodeHandle] = (),
    ) -> NodeHandle[OutputT]:
        """Add a node that calls a language model.

        Args:
            id: The ID of the node: lowercase letters, digits, `_` and `-`.
            instruction: What to ask the model, with a template for each value that it needs.
            model: The name of the model. Default: the platform's.
            system_prompt: The system prompt of the model.
            max_tokens: The maximum number of tokens that the model generates. Default: the platform's.
            temperature: The sampling temperature, from 0 to 2. Default: the platform's.
            output_format: `json` to have the answer parsed.
            output_schema: What the answer must look like: a Pydantic model (the class) or a JSON Schema. With a
                Pydantic model, `.output` has only the fields of that class, such as `draft.output.reason`.
            memory_read: The keys to read from memory before the node runs.
            memory_write: What to write to memory after it has run, by key.
            condition: A comparison. If it is false, the node is skipped. Pass `(left, operator, right)`, such as
                `(given.team, "equals", "sales")`, or `(left, "is_empty")`.
            fallback: The node to run if this one fails. Its output replaces this node's output.
            on_error: The node to run if this one fails. Its output doesn't replace this node's output.
            timeout: How many seconds the node may take. Default: the platform's.
            retries: How often to retry the node if it fails. With 0, it isn't retried.
            retry_delay: How many seconds to wait before a retry.
            retry_backoff: How that delay grows from retry to retry, `linear` or `exponential`.
            name: The name that people see.
            after: Nodes that must run before this one, in addition to those in its templates.

        Returns:
            The node, which prints as `{{id}}`. To use a part of its output, write `node.output.field`, `node["field"]`
            or `node[0]`. With a Pydantic model, type checkers know the fields of `node.output`.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If an argument has a wrong value, the ID is already taken, or a template names a node that you
                haven't added.

        Example:
            ```python
            from pydantic import BaseModel

            from fibonacci import WorkflowBuilder


            class Verdict(BaseModel):
                tone: str


            flow = WorkflowBuilder("triage")
            given = flow.inputs()
            classify = flow.llm("classify", f"Classify: {given.mail}", output_schema=Verdict, temperature=0, retries=3)
            reply = flow.llm("reply", f"Answer {given.mail} in the tone {classify.output.tone}")
            print(reply, classify.output.tone)  # prints: {{reply}} {{classify.tone}}
            ```
        """
        arguments = given_arguments(locals())
        return self._draft.add("llm", arguments, output_schema if is_model(output_schema) else Any)

    def tool(
        self,
        id: str,
        tool_name: str,
        params: Mapping[str, Any] | None = None,
        *,
        condition: Comparison | None = None,
        fallback: NodeHandle | None = None,
        on_error: NodeHandle | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        retry_delay: float | None = None,
        retry_backoff: Backoff | None = None,
        name: str | None = None,
        after: Sequence[NodeHandle] = (),
    ) -> NodeHandle[Any]:
        """Add a node that calls a tool.

        Args:
            id: The ID of the node: lowercase letters, digits, `_` and `-`.
            tool_name: The name of the tool, such as `"slack_send_message"`. `client.tools.list()` has all of them.
            params: The parameters of the tool: any JSON, with a template for each value that it needs.
            condition: A comparison. If it is false, the node is skipped, as with `llm`.
            fallback: The node to run if this one fails. Its output replaces this node's output.
            on_error: The node to run if this one fails. Its output doesn't replace this node's output.
            timeout: How many seconds the tool may take. Default: 30.
            retries: How often to retry the node if it fails. With 0, it isn't retried.
            retry_delay: How many seconds to wait before a retry.
            retry_backoff: How that delay grows from retry to retry, `linear` or `exponential`.
            name: The name that people see.
            after: Nodes that must run before this one, in addition to those in its templates.

        Returns:
            The node, as with `llm`.

        Raises:
            TypeError: If an argument has the wrong type, or a parameter can't be written as JSON.
            ValueError: If an argument has a wrong value, the ID is already taken, or a template names a node that you
                haven't added.

        Example:
            ```python
            from fibonacci import WorkflowBuilder

            flow = WorkflowBuilder("news")
            search = flow.tool("search", "web_search", {"query": flow.inputs().topic, "limit": 5}, timeout=10)
            print(f"Read {search.output[0].url}")  # prints: Read {{search.0.url}}
            ```
        """
        return self._draft.add("tool", given_arguments(locals()))

    def critic(
        self,
        id: str,
        target: NodeHandle,
        *,
        criteria: Sequence[str | Template] | None = None,
        model: str | None = None,
        min_score: float | None = None,
        max_iterations: int | None = None,
        improvement_prompt: str | Template | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        retry_delay: float | None = None,
        retry_backoff: Backoff | None = None,
        name: str | None = None,
        after: Sequence[NodeHandle] = (),
    ) -> NodeHandle[CriticOutput]:
        """Add a node that assesses the output of another node.

        Args:
            id: The ID of the node: lowercase letters, digits, `_` and `-`.
            target: The node to assess.
            criteria: What to assess it by. Default: quality, correctness and completeness.
            model: The name of the model that assesses.
            min_score: The lowest score that passes, from 1 to 10. Default: 7.
            max_iterations: How often the target may run again if it doesn't pass. Default: 3.
            improvement_prompt: The instruction for the target when it runs again.
            timeout: How many seconds the node may take.
            retries: How often to retry the node if it fails. With 0, it isn't retried.
            retry_delay: How many seconds to wait before a retry.
            retry_backoff: How that delay grows from retry to retry, `linear` or `exponential`.
            name: The name that people see.
            after: Nodes that must run before this one, in addition to its target and those in its templates.

        Returns:
            The node. Its `.output` has `passed`, `overall_score` and `criteria_scores`.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If an argument has a wrong value, the ID is already taken, or a template names a node that you
                haven't added.

        Example:
            ```python
            from fibonacci import WorkflowBuilder

            flow = WorkflowBuilder("writer")
            draft = flow.llm("draft", f"Write about {flow.inputs().topic}")
            judge = flow.critic("judge", draft, criteria=["correctness"], min_score=8)
            flow.output(text=draft, good=judge.output.passed)
            ```
        """
        return self._draft.add("critic", given_arguments(locals()), CriticOutput)

    def when(
        self,
        id: str,
        left: object,
        operator: Operator,
        right: object = None,
        *,
        then: Sequence[NodeHandle] = (),
        otherwise: Sequence[NodeHandle] = (),
        retries: int | None = None,
        retry_delay: float | None = None,
        retry_backoff: Backoff | None = None,
        name: str | None = None,
        after: Sequence[NodeHandle] = (),
    ) -> ConditionalHandle:
        """Add a comparison that decides which of two branches runs.

        Nodes that you add in the `with` block of the conditional run only if the comparison is true. Nodes in the block
        of `otherwise()` run only if it is false. You can also add a conditional in a block. It then runs only if that
        branch does.

        Args:
            id: The ID of the node: lowercase letters, digits, `_` and `-`.
            left: The left operand, such as `classify.output.urgency`.
            operator: The operator, such as `"equals"`.
            right: The right operand. `"is_empty"` and `"is_not_empty"` have none.
            then: Nodes that you added before, to run only if the comparison is true. They then depend on this node.
            otherwise: Nodes that you added before, to run only if the comparison is false.
            retries: How often to retry the node if it fails. With 0, it isn't retried.
            retry_delay: How many seconds to wait before a retry.
            retry_backoff: How that delay grows from retry to retry, `linear` or `exponential`.
            name: The name that people see.
            after: Nodes that must run before this one, in addition to those in its operands.

        Returns:
            The node, which is also a context manager. Its `.output.result` is whether the comparison is true.

        Raises:
            TypeError: If an argument has the wrong type, such as the ID of a node instead of the node.
            ValueError: If an argument has a wrong value, the ID is already taken, a template names a node that you
                haven't added, or a node is in both branches.

        Example:
            ```python
            from fibonacci import WorkflowBuilder

            flow = WorkflowBuilder("triage")
            given = flow.inputs()
            with flow.when("urgent", given.priority, "greater_than", 7) as urgent:
                flow.tool("page", "slack_send_message", {"channel": "#help", "message": given.mail})
            with urgent.otherwise():
                flow.llm("reply", f"Answer {given.mail}")
            print(flow.definition.nodes[0].true_branch)  # prints: ['page']
            ```
        """
        return self._draft.add_conditional(given_arguments(locals()))

    def node(
        self, id: str, type: str, *, name: str | None = None, after: Sequence[NodeHandle] = (), **fields: object
    ) -> NodeHandle[Any]:
        """Add a node of a type that this version of the SDK has no method for, such as a newer one.

        `check` warns about such a node, because the SDK can't tell whether its fields are right. An emulator can't run
        it.

        Args:
            id: The ID of the node: lowercase letters, digits, `_` and `-`.
            type: The type, such as `"loop"`.
            name: The name that people see.
            after: Nodes that must run before this one, in addition to those in its fields.
            fields: The fields of the type, by their names in JSON. Their values can be any JSON, with templates. The
                builder doesn't change them, and writes None as null.

        Returns:
            The node, as with `llm`.

        Raises:
            TypeError: If an argument has the wrong type, or a field can't be written as JSON.
            ValueError: If the builder has a method for this type, or for a type with a similar name. Also if the ID is
                already taken, or an argument has a wrong value.

        Example:
            ```python
            from fibonacci import WorkflowBuilder

            flow = WorkflowBuilder("digest")
            mails = flow.tool("mails", "gmail_search", {"query": "is:unread"})
            each = flow.node("each", "loop", over=mails, body="Sum up: {{item}}", limit=10)
            print(flow.definition.nodes[1].dependencies)  # prints: ['mails']
            flow.output(sums=each)
            ```
        """
        arguments = given_arguments({"id": id, "name": name, "after": after})
        return self._draft.add_open(type, arguments, fields)

    @overload
    def inputs(self, model: type[InputsT]) -> InputsT: ...
    @overload
    def inputs(self) -> Any: ...
    def inputs(self, model: type[BaseModel] | None = None) -> Any:
        """Return the inputs of the workflow, as templates.

        Args:
            model: A Pydantic model (the class). Its JSON Schema becomes the `input_schema` of the workflow, and you can
                use only its fields. Without a model, you can use any name.

        Returns:
            The inputs. As a string, each field is its template, which uses the field's alias if it has one. For
            example, `given.customer.name` is `{{input.customer.name}}`, and `given.items[0]` is `{{input.items.0}}`.
            For type checkers, the inputs are an instance of the model.

        Raises:
            TypeError: If `model` isn't a Pydantic model.
            ValueError: If the model has no JSON Schema, or the workflow already has other inputs.

        Example:
            ```python
            from pydantic import BaseModel

            from fibonacci import WorkflowBuilder


            class Ticket(BaseModel):
                mail: str


            given = WorkflowBuilder("triage").inputs(Ticket)
            print(f"Classify: {given.mail}")  # prints: Classify: {{input.mail}}
            ```
        """
        if model is None:
            return Template("input", self)
        if not is_model(model) or issubclass(model, RootModel):
            raise TypeError(f"inputs takes a Pydantic model with fields (the class), not {model!r}")
        if self._model not in (None, model):
            line = self._draft.line_of("input_schema")
            raise ValueError(f"the workflow already has the inputs of {self._model.__name__}: see {line}")
        self._draft.set_inputs(json_schema(model))
        self._model = model
        return Template("input", self, model)

    def output(self, /, **named: object) -> None:
        """Name the outputs of the workflow.

        If you never call this, the workflow outputs what each node outputs, by node ID.

        Args:
            named: The outputs by name. Each is a node, a part of a node, a text with templates, or a list or dict of
                these.

        Raises:
            TypeError: If something in an output can't be written as JSON.
            ValueError: If an output with that name already exists, or a template names a node that you haven't added.

        Example:
            ```python
            from fibonacci import WorkflowBuilder

            flow = WorkflowBuilder("greeter")
            greet = flow.llm("greet", f"Greet {flow.inputs().name}")
            flow.output(greeting=greet, parts=[greet, f"Regards, {greet}"])
            ```
        """
        self._draft.add_outputs(named)

    def check(
        self, tools: Iterable[str | NamedTool] | ToolSource | None = None, *, models: Iterable[str] | None = None
    ) -> Problems:
        """List the problems of the whole definition, like `check_definition`.

        Args:
            tools: The tools that nodes may call, as names, as `Tool` objects, or as a sync client that lists them. If a
                `Tool` has a JSON Schema in `parameters`, what nodes pass to it is checked too. Default: tools aren't
                checked.
            models: The names of the models that nodes may use. Default: models aren't checked.

        Returns:
            The errors and warnings, in the order of the definition. `.errors` has only the errors, and `.warnings` only
            the warnings. The `source` of each problem is the line of your program that caused it, such as
            `triage.py:22`.

        Raises:
            TypeError: If `tools` or `models` is something else.
            APIError: If you pass a client that can't list its tools.

        Example:
            ```python
            from fibonacci import WorkflowBuilder

            flow = WorkflowBuilder("news")
            flow.tool("search", "web_serch")
            for problem in flow.check(tools=["web_search"]):
                print(problem.severity, problem.code)  # prints: error unknown_tool
            ```
        """
        return self.__document__().check(tools=tools, models=models)

    @property
    def definition(self) -> WorkflowDefinition:
        """The definition as a model. Whatever takes a definition takes the builder, too.

        Raises:
            DefinitionError: If `check` finds an error. Warnings don't raise.
        """
        return self.__document__().definition

    def __document__(self) -> Document:
        """Return the definition, even if it still has errors."""
        return self._draft.document()

    def __repr__(self) -> str:
        return f"WorkflowBuilder({self._draft.fields['name']!r}, nodes={self._draft.node_ids})"

    def _repr_html_(self) -> str:
        """Return the diagram, for notebooks, even if the definition still has errors."""
        from fibonacci.definitions.diagrams.svg import diagram_html  # only needed in notebooks

        return diagram_html(self)

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("a WorkflowBuilder is not a template. Insert a node or one of the inputs")
