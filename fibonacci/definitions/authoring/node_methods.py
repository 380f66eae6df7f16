"""The methods of `WorkflowBuilder` that add nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from fibonacci.definitions.authoring.draft import Draft
from fibonacci.definitions.authoring.handles import NodeHandle
from fibonacci.definitions.authoring.node_fields import check_comparison, drop_none
from fibonacci.definitions.authoring.value_types import is_model
from fibonacci.definitions.model.base_node import Backoff, Operator

Comparison = tuple[object, Operator] | tuple[object, Operator, object]
"""A comparison as `condition=` takes it: `(left, operator, right)`, or `(left, "is_empty")` without a right operand."""


class NodeMethods:
    """A method for each type of node.

    Each signature has all arguments of its node, those for retries again in each: editors complete them, and type
    checkers find a misspelled one.

    Args:
        draft: The definition that the nodes are added to.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

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
        condition: Comparison | None = None,
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
            system_prompt: The system prompt of the model.
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
        optional = drop_none(
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
            after=after or None,
        )
        gives = output_schema if is_model(output_schema) else Any
        return self._draft.add("llm", {"id": id, "instruction": instruction} | optional, gives)

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
    ) -> NodeHandle:
        """Add a call of a tool.

        Args:
            id: The id of the node: lower-case letters, digits, `_` and `-`.
            tool_name: The name of the tool, such as `"slack_send_message"`; see `client.tools.list()`.
            params: The parameters of the tool, any JSON, with the values that it needs.
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
        optional = drop_none(
            params=params,
            condition=condition,
            fallback=fallback,
            on_error=on_error,
            timeout=timeout,
            retries=retries,
            retry_delay=retry_delay,
            retry_backoff=retry_backoff,
            name=name,
            after=after or None,
        )
        return self._draft.add("tool", {"id": id, "tool_name": tool_name} | optional)

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
            improvement_prompt: The instruction for the target when it runs again.
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
        optional = drop_none(
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
            after=after or None,
        )
        return self._draft.add("critic", {"id": id, "target": target} | optional)

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
        optional = drop_none(
            right=right,
            then=then or None,
            otherwise=otherwise or None,
            retries=retries,
            retry_delay=retry_delay,
            retry_backoff=retry_backoff,
            name=name,
            after=after or None,
        )
        arguments: dict[str, object] = {"id": id, "left": left, "operator": operator}
        gate = self._draft.add("conditional", arguments | optional)
        self._draft.put_in_branches(gate, [*then, *otherwise])
        return gate

    def node(
        self, id: str, type: str, *, name: str | None = None, after: Sequence[NodeHandle] = (), **fields: object
    ) -> NodeHandle:
        """Add a node of a type that this version of the SDK has no method for, such as one that the platform has added.

        `check` warns of it, since nobody here can tell whether its fields are right. An emulator cannot run it.

        Args:
            id: The id of the node: lower-case letters, digits, `_` and `-`.
            type: The type, such as `"loop"`.
            name: The name that people see.
            after: Nodes that run before this one, besides those in its fields.
            fields: The fields of the type, by their names in JSON: any JSON, with the values that it needs. They are
                written as they are given, None as null.

        Returns:
            The node, as with `llm`.

        Raises:
            TypeError: If an argument is of a wrong type, or a field has no JSON form.
            ValueError: If the type has a method, or its name resembles one that has, the id is taken, or an argument
                has a wrong value.

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
        return self._draft.add_open(type, {"id": id} | drop_none(name=name, after=after or None), fields)
