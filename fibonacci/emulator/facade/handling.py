"""The part of the emulator's face that takes the user's own functions in the place of the stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from fibonacci.emulator.engine.user_handlers import CriticCall, LLMCall, ToolCall, UserHandlers

ResultT = TypeVar("ResultT")


class ToolDecorator(Protocol):
    """Takes the handler of a tool, and returns it."""

    def __call__(self, handler: Callable[[ToolCall], ResultT], /) -> Callable[[ToolCall], ResultT]:
        """Register a handler."""
        ...


class Handling:
    """Decorators for handlers.

    A handler is given the call of its node and returns the node's output, any JSON. It may be async, and then runs in
    an event loop of its own. When it raises, the node fails with the exception's text. Each call has a thread of its
    own: parallel nodes run in parallel, and a slow handler holds up nobody but its own execution, which is answered as
    `running` and polled. Handlers stay until others take their place.
    """

    _handlers: UserHandlers

    def llm(self, handler: Callable[[LLMCall], ResultT]) -> Callable[[LLMCall], ResultT]:
        """Let a function answer in the place of every language model.

        Args:
            handler: Takes an `LLMCall`.

        Returns:
            The function itself.

        Example:
            >>> from fibonacci.emulator import Emulator, LLMCall
            >>> emulator = Emulator()
            >>> @emulator.llm
            ... def answer(call: LLMCall) -> str:
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
        """Let a function judge in the place of every critic.

        Args:
            handler: Takes a `CriticCall`.

        Returns:
            The function itself.
        """
        self._handlers.critic = handler
        return handler

    def tool(self, name: str) -> ToolDecorator:
        """Let a function do the work of one tool.

        Args:
            name: The name of the tool; it need not be in the catalogue.

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
            self._handlers.tools[name] = handler
            return handler

        return register
