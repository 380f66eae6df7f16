"""`WorkflowBuilder`: a workflow definition written as a Python program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NoReturn, TypeVar, overload

from pydantic import BaseModel, RootModel

from fibonacci.definitions.authoring.arguments import ArgumentReader
from fibonacci.definitions.authoring.draft import Draft
from fibonacci.definitions.authoring.inputs import inputs_of
from fibonacci.definitions.authoring.node_fields import drop_none, workflow_fields
from fibonacci.definitions.authoring.node_methods import NodeMethods
from fibonacci.definitions.authoring.schemas import json_schema
from fibonacci.definitions.authoring.value_types import is_model
from fibonacci.definitions.checks.check import check_definition
from fibonacci.definitions.checks.tools import NamedTool, ToolSource
from fibonacci.definitions.model.base_node import Backoff
from fibonacci.definitions.model.workflow import WorkflowDefinition
from fibonacci.definitions.problems import Problems
from fibonacci.errors import DefinitionError

InputsT = TypeVar("InputsT", bound=BaseModel)


class WorkflowBuilder(NodeMethods):
    """Builds a workflow definition.

    Each node is a text that prints its template, so that an f-string inserts what the node gives:
    `f"Answer {classify}"` is `"Answer {{classify}}"`. A node depends on the nodes in its templates, on those of
    `after=`, and in a branch on its conditional; all of them are written to its `dependencies`.

    A wrong argument is a `TypeError` or a `ValueError` in the line that gives it. What only the whole definition shows
    comes from `check`, with the line of the node.

    Args:
        name: The name of the workflow that people see.
        description: What the workflow does.
        version: The version of the definition, a number or a text.
        timeout: The seconds that a whole run may take. Default: the platform's.
        retries: How often a node without `retries` of its own is retried. Default: never.
        retry_delay: The seconds before such a retry. Default: the platform's.
        retry_backoff: How that delay grows from retry to retry, `linear` or `exponential`. Default: not at all.
        allow_partial_results: Whether a failed run has the outputs of the nodes that completed.
        output_schema: What the outputs have to be: a pydantic model (the class) or a JSON Schema.

    Raises:
        TypeError: If an argument is of a wrong type.
        ValueError: If an argument has a wrong value.

    Example:
        ```python
        from fibonacci import WorkflowBuilder

        flow = WorkflowBuilder("greeter")
        given = flow.inputs()
        greet = flow.llm("greet", f"Greet {given.name}")
        flow.output(greeting=greet)
        greeter = client.workflows.create(name="Greeter", definition=flow.definition)
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
        read = ArgumentReader(self)
        arguments = {"name": name} | drop_none(
            description=description,
            version=version,
            timeout=timeout,
            retries=retries,
            retry_delay=retry_delay,
            retry_backoff=retry_backoff,
            allow_partial_results=allow_partial_results,
            output_schema=output_schema,
        )
        super().__init__(Draft(self, read, workflow_fields(arguments, read)))
        self._model: type[BaseModel] | None = None

    @overload
    def inputs(self, model: type[InputsT]) -> InputsT: ...
    @overload
    def inputs(self) -> Any: ...
    def inputs(self, model: type[BaseModel] | None = None) -> Any:
        """Return the inputs of the workflow, as templates.

        Args:
            model: A pydantic model (the class). Its JSON Schema becomes the `input_schema` of the workflow, and only
                its fields can be used. Without a model every name can.

        Returns:
            The inputs, for type checkers an instance of the model. Each field prints its template, under its name in
            JSON: `given.customer.name` is `{{input.customer.name}}`, and `given.items[0]` is `{{input.items.0}}`.

        Raises:
            TypeError: If the model is no model.
            ValueError: If the model has no JSON Schema, or the workflow has other inputs already.

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
            return inputs_of(self, Any)
        if not is_model(model) or issubclass(model, RootModel):
            raise TypeError(f"inputs takes a pydantic model with fields (the class), not {model!r}")
        if self._model not in (None, model):
            line = self._draft.line_of("input_schema")
            raise ValueError(f"the workflow has the inputs of {self._model.__name__} already: see {line}")
        self._draft.set_inputs(json_schema(model))
        self._model = model
        return inputs_of(self, model)

    def output(self, /, **named: object) -> None:
        """Name outputs of the workflow.

        A workflow without named outputs gives the output of each node, by node id.

        Args:
            named: The outputs by name: a node, a part of one, a text with templates, or a structure of such.

        Raises:
            TypeError: If something in an output has no JSON form.
            ValueError: If there is an output of that name already, or a template names no node.

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
        """List the problems of the definition, as `check_definition` does: what only the whole shows.

        Args:
            tools: The tools that exist: their names, `Tool`s, or a sync client, which lists them. The parameters of
                a `Tool` with a JSON Schema in `parameters` are checked too. None checks neither.
            models: The names of the models that may be used. None does not check them.

        Returns:
            The errors and the warnings, in the order of the definition; `.errors` and `.warnings` of the list are those
            of one kind. Each has the line of the author's file in `source`, such as `triage.py:22`.

        Raises:
            TypeError: If `tools` or `models` is none of these.
            APIError: If a client is given, and cannot list its tools.

        Example:
            ```python
            from fibonacci import WorkflowBuilder

            flow = WorkflowBuilder("news")
            flow.tool("search", "web_serch")
            for problem in flow.check(tools=["web_search"]):
                print(problem.severity, problem.code)  # prints: error unknown_tool
            ```
        """
        problems = check_definition(self._draft.plain(), tools=tools, models=models)
        return Problems(replace(each, source=str(self._draft.line_of(each.location))) for each in problems)

    @property
    def definition(self) -> WorkflowDefinition:
        """The definition, for `client.workflows.create(definition=...)` and for everything that takes a definition.

        Raises:
            DefinitionError: If `check` finds an error. Warnings do not raise.
        """
        problems = self.check()
        if problems.errors:
            raise DefinitionError(problems)
        return WorkflowDefinition.model_validate(self._draft.plain())

    def __repr__(self) -> str:
        return f"WorkflowBuilder({self._draft.fields['name']!r}, nodes={self._draft.node_ids})"

    def _repr_html_(self) -> str:
        """Return the diagram, for notebooks; the definition may still have errors."""
        from fibonacci.definitions.diagrams.svg import diagram_html  # only notebooks need it

        return diagram_html(self._draft.plain())

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("a WorkflowBuilder is no template; insert a node or one of the inputs")
