"""Answer `llm` nodes with a model of Anthropic.

pip install anthropic
export ANTHROPIC_API_KEY=...
fibonacci dev --handlers anthropic_model:register --reload
"""

from __future__ import annotations

import json
import time

from fibonacci.emulator import Emulator, LLMCall

try:
    import anthropic
except ImportError as error:
    raise ImportError("this example needs the package anthropic: pip install anthropic") from error

MODEL = "claude-haiku-4-5"
"""The model of nodes that name none."""

SILENCE = 30.0
"""The seconds that the model may send nothing."""

LONGEST = 300.0
"""The seconds that an answer may take in all."""


def register(emulator: Emulator) -> None:
    """Answer the nodes of an emulator; it calls this function with `--handlers`."""
    client = anthropic.Anthropic(timeout=SILENCE)  # it retries a 429 and a 5xx twice, after what Retry-After says

    @emulator.llm
    def answer(call: LLMCall) -> str:
        ends = time.monotonic() + LONGEST
        text, stopped = "", None
        with client.messages.create(
            model=call.model or MODEL,
            max_tokens=call.max_tokens or 4096,
            system=f"{call.system_prompt or 'You are a step of a workflow.'}{wanted_json(call)}",
            messages=[{"role": "user", "content": call.instruction}],
            stream=True,
        ) as stream:
            for event in stream:
                if time.monotonic() > ends:
                    raise TimeoutError(f"the model took longer than {LONGEST:g} s")
                if event.type == "message_start":
                    call.report_usage(input_tokens=event.message.usage.input_tokens)
                elif event.type == "content_block_delta" and event.delta.type == "text_delta":
                    text += event.delta.text
                elif event.type == "message_delta":
                    stopped = event.delta.stop_reason
                    call.report_usage(output_tokens=event.usage.output_tokens)
        if stopped not in ("end_turn", "max_tokens"):  # None is a stream that was cut
            raise RuntimeError("the model refused" if stopped == "refusal" else f"the answer ended with {stopped}")
        return text


def wanted_json(call: LLMCall) -> str:
    """Return how to ask for the JSON that a node expects. A code fence around it does no harm."""
    if call.output_schema is not None:
        return f"\nAnswer only with JSON that fits this schema: {json.dumps(dict(call.output_schema))}"
    return "\nAnswer only with JSON." if call.output_format == "json" else ""
