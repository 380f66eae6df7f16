"""The part of `Emulator` that registers user handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fibonacci.emulator.engine.user_handlers import CriticCall, LLMCall, ToolCall, UserHandlers

ResultT = TypeVar("ResultT")


class HandlerDecorators:
    """Decorators for user handlers.

    A handler takes the call of its node and returns the node's output, any JSON. An async handler runs in an event loop
    of its own. If a handler raises, its node fails with the exception's text. Each call has a thread of its own:
    parallel nodes run in parallel, and a slow handler delays its own execution only, which is `running` until then.
    A handler stays until it is replaced.
    """

    _handlers: UserHandlers

    def llm(self, handler: Callable[[LLMCall], ResultT]) -> Callable[[LLMCall], ResultT]:
        """Use a function in place of every language model.

        Args:
            handler: Takes an `LLMCall`.

        Returns:
            The function itself.

        Example:
            >>> from fibonacci.emulator import Emulator, LLMCall
            >>> emulator = Emulator()
            >>> @emulator.llm
            ... def reply(call: LLMCall) -> str:
            ...     return call.instruction.upper()
            >>> nodes = [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]
            >>> client = emulator.client()
            >>> workflow = client.workflows.create(name="greeting", definition={"nodes": nodes})
            >>> client.workflows.run(workflow.id, inputs={"name": "Ada"}).outputs
            {'greet': 'GREET ADA'}
        """
        self._handlers.llm = handler
        return handler

    def critic(self, handler: Callable[[CriticCall], ResultT]) -> Callable[[CriticCall], ResultT]:
        """Use a function in place of every critic.

        Args:
            handler: Takes a `CriticCall`. It returns a score from 0 to 10, or an object with `overall_score` or
                `criteria_scores`; the node passes from its `min_score` on.

        Returns:
            The function itself.
        """
        self._handlers.critic = handler
        return handler

    def tool(self, tool_name: str) -> Callable[[Callable[[ToolCall], ResultT]], Callable[[ToolCall], ResultT]]:
        """Use a function in place of one tool.

        Args:
            tool_name: The name of the tool, in either spelling; a new one is a tool of the catalog from then on.

        Returns:
            A decorator for a function that takes a `ToolCall`; it returns the function itself.

        Example:
            >>> from fibonacci.emulator import Emulator, ToolCall
            >>> emulator = Emulator()
            >>> @emulator.tool("slack_send_message")
            ... async def send(call: ToolCall) -> dict[str, object]:
            ...     return {"sent_to": call.params["channel"]}
        """

        def register(handler: Callable[[ToolCall], ResultT]) -> Callable[[ToolCall], ResultT]:
            self._handlers.set_tool(tool_name, handler)
            return handler

        return register
