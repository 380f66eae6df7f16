"""`WorkflowBuilder`: a workflow definition written as a Python program."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, NoReturn, TypeVar, cast, overload

from pydantic import BaseModel, RootModel

from fibonacci.definitions.authoring import value_types
from fibonacci.definitions.authoring.arguments import ArgumentReader
from fibonacci.definitions.authoring.handles import NodeHandle
from fibonacci.definitions.authoring.inputs import inputs_of
from fibonacci.definitions.authoring.node_fields import (
    check_comparison,
    given,
    json_fields,
    node_fields,
    refuse,
    retry_fields,
)
from fibonacci.definitions.authoring.node_links import check_known, dependencies, warn_of_single_braces
from fibonacci.definitions.authoring.schemas import json_schema
from fibonacci.definitions.authoring.source_lines import SourceLine, caller_line
from fibonacci.definitions.checks import check_definition
from fibonacci.definitions.links import BadTemplate, template_links
from fibonacci.definitions.nodes import Operator, WorkflowDefinition
from fibonacci.definitions.problems import DefinitionError, Problem
from fibonacci.definitions.templates import INPUT, NAMED_SOURCES

InputsT = TypeVar("InputsT", bound=BaseModel)
Backoff = Literal["linear", "exponential"]
Condition = tuple[object, Operator] | tuple[object, Operator, object]

_NODE: Final = re.compile(r"nodes\[(\d+)\]")
_OUTPUT: Final = re.compile(r"outputs\.([^.\[]+)")


class WorkflowBuilder:
    """A workflow definition in the making.

    Each node is a text that prints its template, so that an f-string inserts what the node gives:
    `f"Answer {classify}"` is `"Answer {{classify}}"`. A node depends on the nodes in its templates, on those of
    `after=`, and in a branch on its conditional; all of them are written to its `dependencies`.

    A wrong argument is a `TypeError` or a `ValueError` in the line that gives it. What only the whole definition shows
    comes from `check`, with the line of the node.

    Args:
        name: The name of the workflow.
        description: What it does.
        version: The version of the definition, a number or a text.
        timeout: The seconds that a whole run may take.
        retries: How often a node is retried that does not say so itself.
        retry_delay: The seconds before such a retry.
        retry_backoff: How that delay grows from retry to retry; it is always the same if left out.
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
        self._line = caller_line()
        self._read = ArgumentReader(self)
        arguments = {"name": name} | given(
            description=description,
            version=version,
            timeout=timeout,
            retries=retries,
            retry_delay=retry_delay,
            retry_backoff=retry_backoff,
            allow_partial_results=allow_partial_results,
            output_schema=output_schema,
        )
        self._fields = workflow_fields(arguments, self._read)
        self._nodes: dict[str, dict[str, Any]] = {}
        self._node_lines: dict[str, SourceLine] = {}
        self._outputs: dict[str, Any] = {}
        self._output_lines: dict[str, SourceLine] = {}
        self._inputs: tuple[object, SourceLine] | None = None

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
        if model is not None and (not value_types.is_model(model) or issubclass(model, RootModel)):
            raise TypeError(f"inputs takes a pydantic model with fields (the class), not {model!r}")
        if self._inputs is not None and self._inputs[0] is not model:
            raise ValueError(f"the workflow has other inputs already: see {self._inputs[1]}")
        if model is not None:
            self._fields["input_schema"] = json_schema(model)
        self._inputs = model, caller_line()
        return inputs_of(self, Any if model is None else model)

    def llm(
        self,
        id: str,
        instruction: str,
        *,
        model: str | None = None,
        system_prompt: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        output_format: Literal["text", "json"] | None = None,
        output_schema: type[BaseModel] | Mapping[str, Any] | None = None,
        memory_read: Sequence[str] | None = None,
        memory_write: Mapping[str, Any] | None = None,
        condition: Condition | None = None,
        fallback: NodeHandle | None = None,
        on_error: NodeHandle | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        retry_delay: float | None = None,
        retry_backoff: Backoff | None = None,
        name: str | None = None,
        after: Sequence[NodeHandle] = (),
    ) -> NodeHandle:
        """Add a call of a language model.

        Args:
            id: The id of the node: lower-case letters, digits, `_` and `-`.
            instruction: What the model is asked, with the values that it needs.
            model: The name of the model. Left out, it is the platform's default, as with all that follows.
            system_prompt: What the model is told beside the instruction.
            max_tokens: The maximum number of tokens that it generates.
            temperature: The sampling temperature, from 0 to 2.
            output_format: `json` for an answer that is parsed.
            output_schema: What the answer has to be: a pydantic model (the class) or a JSON Schema. With a model only
                its fields can be used: `draft["reason"]`.
            memory_read: The keys that are read from memory before the node runs.
            memory_write: What is written to memory after it has run, by key.
            condition: When the node runs, else it is skipped: `(left, operator, right)`, such as
                `(given.team, "equals", "sales")`, or `(left, "is_empty")`.
            fallback: The node that runs when this one has failed, and whose output stands in for it.
            on_error: The node that runs when this one has failed.
            timeout: The seconds that the node may take.
            retries: How often the node is retried when it has failed; 0 for never.
            retry_delay: The seconds before a retry.
            retry_backoff: How that delay grows from retry to retry.
            name: The name that people see.
            after: Nodes that run before this one, beside those in its templates.

        Returns:
            The node, which prints as `{{id}}`. `node["field"]` and `node[0]` are parts of what it gives.

        Raises:
            TypeError: If an argument is of a wrong type.
            ValueError: If an argument has a wrong value, the id is taken, or a template names no node.

        Example:
            ```python
            from fibonacci import WorkflowBuilder

            flow = WorkflowBuilder("triage")
            given = flow.inputs()
            classify = flow.llm("classify", f"Classify: {given.mail}", temperature=0, retries=3, retry_delay=1.0)
            reply = flow.llm("reply", f"Answer {given.mail} in the tone {classify['tone']}")
            print(reply)  # prints: {{reply}}
            ```
        """
        optional = given(
            model=model,
            system_prompt=system_prompt,
            max_tokens=max_tokens,
            temperature=temperature,
            output_format=output_format,
            output_schema=output_schema,
            memory_read=memory_read,
            memory_write=memory_write,
            condition=condition,
            fallback=fallback,
            on_error=on_error,
            timeout=timeout,
            retries=retries,
            retry_delay=retry_delay,
            retry_backoff=retry_backoff,
            name=name,
            after=after,
        )
        gives = output_schema if value_types.is_model(output_schema) else Any
        return self._add("llm", {"id": id, "instruction": instruction} | optional, gives)

    def tool(
        self,
        id: str,
        tool: str,
        params: Mapping[str, Any] | None = None,
        *,
        memory_read: Sequence[str] | None = None,
        memory_write: Mapping[str, Any] | None = None,
        condition: Condition | None = None,
        fallback: NodeHandle | None = None,
        on_error: NodeHandle | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        retry_delay: float | None = None,
        retry_backoff: Backoff | None = None,
        name: str | None = None,
        after: Sequence[NodeHandle] = (),
    ) -> NodeHandle:
        """Add a call of a tool.

        Args:
            id: The id of the node: lower-case letters, digits, `_` and `-`.
            tool: The name of the tool, such as `"slack_send_message"`; see `client.tools.list()`.
            params: The parameters of the tool, any JSON, with the values that it needs.
            memory_read: The keys that are read from memory before the node runs.
            memory_write: What is written to memory after it has run, by key.
            condition: When the node runs, else it is skipped; see `llm`.
            fallback: The node that runs when this one has failed, and whose output stands in for it.
            on_error: The node that runs when this one has failed.
            timeout: The seconds that the tool may take; 30 if left out.
            retries: How often the node is retried when it has failed; 0 for never.
            retry_delay: The seconds before a retry.
            retry_backoff: How that delay grows from retry to retry.
            name: The name that people see.
            after: Nodes that run before this one, beside those in its templates.

        Returns:
            The node, as with `llm`.

        Raises:
            TypeError: If an argument is of a wrong type, or a parameter has no JSON form.
            ValueError: If an argument has a wrong value, the id is taken, or a template names no node.

        Example:
            ```python
            from fibonacci import WorkflowBuilder

            flow = WorkflowBuilder("news")
            search = flow.tool("search", "web_search", {"query": flow.inputs().topic, "limit": 5}, timeout=10)
            print(f"Read {search[0]['url']}")  # prints: Read {{search.0.url}}
            ```
        """
        optional = given(
            params=params,
            memory_read=memory_read,
            memory_write=memory_write,
            condition=condition,
            fallback=fallback,
            on_error=on_error,
            timeout=timeout,
            retries=retries,
            retry_delay=retry_delay,
            retry_backoff=retry_backoff,
            name=name,
            after=after,
        )
        return self._add("tool", {"id": id, "tool": tool} | optional)

    def critic(
        self,
        id: str,
        target: NodeHandle,
        *,
        criteria: Sequence[str] | None = None,
        model: str | None = None,
        min_score: float | None = None,
        max_iterations: int | None = None,
        improvement_prompt: str | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        retry_delay: float | None = None,
        retry_backoff: Backoff | None = None,
        name: str | None = None,
        after: Sequence[NodeHandle] = (),
    ) -> NodeHandle:
        """Add an assessment of what another node gives.

        Args:
            id: The id of the node: lower-case letters, digits, `_` and `-`.
            target: The node that is assessed.
            criteria: What it is assessed by; quality, correctness and completeness if left out.
            model: The name of the model that assesses.
            min_score: The score that passes, from 1 to 10; 7 if left out.
            max_iterations: How often the target runs again until it passes; 3 if left out.
            improvement_prompt: What the target is told when it runs again.
            timeout: The seconds that the node may take.
            retries: How often the node is retried when it has failed; 0 for never.
            retry_delay: The seconds before a retry.
            retry_backoff: How that delay grows from retry to retry.
            name: The name that people see.
            after: Nodes that run before this one, beside its target and those in its templates.

        Returns:
            The node. It gives `judge["passed"]`, `judge["overall_score"]` and `judge["criteria_scores"]`.

        Raises:
            TypeError: If an argument is of a wrong type.
            ValueError: If an argument has a wrong value, the id is taken, or a template names no node.

        Example:
            ```python
            from fibonacci import WorkflowBuilder

            flow = WorkflowBuilder("writer")
            draft = flow.llm("draft", f"Write about {flow.inputs().topic}")
            judge = flow.critic("judge", draft, criteria=["correctness"], min_score=8)
            flow.output(text=draft, good=judge["passed"])
            ```
        """
        optional = given(
            criteria=criteria,
            model=model,
            min_score=min_score,
            max_iterations=max_iterations,
            improvement_prompt=improvement_prompt,
            timeout=timeout,
            retries=retries,
            retry_delay=retry_delay,
            retry_backoff=retry_backoff,
            name=name,
            after=after,
        )
        return self._add("critic", {"id": id, "target": target} | optional)

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
    ) -> NodeHandle:
        """Add a comparison that decides which of two branches runs.

        Args:
            id: The id of the node: lower-case letters, digits, `_` and `-`.
            left: The left operand, such as `classify["urgency"]`.
            operator: The operator, such as `"equals"`.
            right: The right operand; `"is_empty"` and `"is_not_empty"` have none.
            then: The nodes that run only when the comparison holds, added before. They depend on this node.
            otherwise: The nodes that run only when it does not.
            retries: How often the node is retried when it has failed; 0 for never.
            retry_delay: The seconds before a retry.
            retry_backoff: How that delay grows from retry to retry.
            name: The name that people see.
            after: Nodes that run before this one, beside those in its operands.

        Returns:
            The node. It gives `gate["result"]`.

        Raises:
            TypeError: If an argument is of a wrong type, such as the id of a node in place of the node.
            ValueError: If an argument has a wrong value, the id is taken, a template names no node, or a node is in
                both branches.

        Example:
            ```python
            from fibonacci import WorkflowBuilder

            flow = WorkflowBuilder("triage")
            given = flow.inputs()
            page = flow.tool("page", "slack_send_message", {"channel": "#help", "message": given.mail})
            reply = flow.llm("reply", f"Answer {given.mail}")
            flow.when("gate", given.priority, "greater_than", 7, then=[page], otherwise=[reply])
            ```
        """
        check_comparison(operator, right, "right")
        optional = given(
            right=right,
            then=then,
            otherwise=otherwise,
            retries=retries,
            retry_delay=retry_delay,
            retry_backoff=retry_backoff,
            name=name,
            after=after,
        )
        arguments: dict[str, object] = {"id": id, "left": left, "operator": operator}
        gate = self._add("conditional", arguments | optional)
        for each in [*then, *otherwise]:
            before = self._nodes[each.id].setdefault("dependencies", [])
            if gate.id not in before:
                before.append(gate.id)
        return gate

    def output(self, **named: object) -> None:
        """Name outputs of the workflow. Without any, it gives the output of each node, by node id.

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
        line = caller_line()
        values = {name: self._read.plain(value, name) for name, value in named.items()}
        for name, value in values.items():
            if name in self._outputs:
                raise ValueError(f"there is an output {name!r} already: see {self._output_lines[name]}")
            for link in template_links(name, value):
                if isinstance(link, BadTemplate):
                    raise ValueError(f"{link.location}: {link.reason}")
                check_known(link, self._nodes)
        warn_of_single_braces(values, self._nodes, line)
        self._outputs |= values
        self._output_lines |= dict.fromkeys(values, line)

    def check(self) -> list[Problem]:
        """List the faults of the definition that only the whole shows, such as nodes that depend on each other.

        Returns:
            The errors and warnings; each has the line of the author's file in `source`, such as `triage.py:22`.
        """
        return [replace(each, source=str(self._line_of(each.location))) for each in check_definition(self._plain())]

    @property
    def definition(self) -> WorkflowDefinition:
        """The definition, for `client.workflows.create(definition=...)` and for everything that takes a definition.

        Raises:
            DefinitionError: If `check` finds an error. Warnings do not raise.
        """
        problems = self.check()
        if any(each.severity == "error" for each in problems):
            raise DefinitionError(problems)
        return WorkflowDefinition.model_validate(self._plain())

    def __repr__(self) -> str:
        return f"WorkflowBuilder({self._fields['name']!r}, nodes={list(self._nodes)})"

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("a WorkflowBuilder is no template; insert a node or one of the inputs")

    def _add(self, node_type: str, arguments: dict[str, object], gives: object = Any) -> NodeHandle:
        line = caller_line()
        node = node_fields(node_type, arguments, self._read)
        node_id = cast("str", node["id"])
        if node_id == INPUT or node_id in NAMED_SOURCES:
            raise ValueError(f"id {node_id!r} is a source of templates; use another id")
        if node_id in self._nodes:
            raise ValueError(f"id {node_id!r} is taken already: see {self._node_lines[node_id]}")
        both = set(node.get("true_branch", ())) & set(node.get("false_branch", ()))
        if both:
            raise ValueError(f"{', '.join(sorted(both))}: a node cannot be in 'then' and in 'otherwise'")
        node["dependencies"] = dependencies(node, self._nodes)
        warn_of_single_braces(node, self._nodes, line)
        self._nodes[node_id] = {key: value for key, value in node.items() if value != []}
        self._node_lines[node_id] = line
        return NodeHandle(node_id, self, gives)

    def _plain(self) -> dict[str, Any]:
        outputs = {"outputs": self._outputs} if self._outputs else {}
        return {**self._fields, "nodes": list(self._nodes.values()), **outputs}

    def _line_of(self, location: str) -> SourceLine:
        if node := _NODE.match(location):
            return list(self._node_lines.values())[int(node[1])]
        if output := _OUTPUT.match(location):
            return self._output_lines.get(output[1], self._line)
        if location.startswith("input_schema") and self._inputs is not None:
            return self._inputs[1]
        return self._line
