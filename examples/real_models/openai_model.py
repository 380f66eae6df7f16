"""Answer `llm` nodes with a model of OpenAI, or of any server that speaks its API, such as vLLM or LM Studio.

pip install openai
export OPENAI_API_KEY=...        # and OPENAI_BASE_URL for another server
fibonacci dev --handlers openai_model:register --reload
"""

from __future__ import annotations

import time

from fibonacci.emulator import Emulator, LLMCall

try:
    import openai
    from openai.types.shared_params import ResponseFormatJSONObject, ResponseFormatJSONSchema, ResponseFormatText
except ImportError as error:
    raise ImportError("this example needs the package openai: pip install openai") from error

MODEL = "gpt-5-mini"
"""The model of nodes that name none."""

SILENCE = 30.0
"""The seconds that the model may send nothing."""

LONGEST = 300.0
"""The seconds that an answer may take in all."""


def register(emulator: Emulator) -> None:
    """Answer the nodes of an emulator; it calls this function with `--handlers`."""
    client = openai.OpenAI(timeout=SILENCE)  # it retries a 429 and a 5xx twice, after what Retry-After says

    @emulator.llm
    def answer(call: LLMCall) -> str:
        ends = time.monotonic() + LONGEST
        text, refusal, finished = "", "", None
        with client.chat.completions.create(
            model=call.model or MODEL,
            messages=[
                {"role": "system", "content": call.system_prompt or "You are a step of a workflow."},
                {"role": "user", "content": call.instruction},
            ],
            max_completion_tokens=openai.omit if call.max_tokens is None else call.max_tokens,
            temperature=openai.omit if call.temperature is None else call.temperature,
            response_format=response_format(call),
            stream=True,
            stream_options={"include_usage": True},
        ) as stream:
            for chunk in stream:
                if time.monotonic() > ends:
                    raise TimeoutError(f"the model took longer than {LONGEST:g} s")
                for choice in chunk.choices:
                    text += choice.delta.content or ""
                    refusal += choice.delta.refusal or ""
                    finished = choice.finish_reason or finished
                if chunk.usage:
                    tokens = chunk.usage
                    call.report_usage(input_tokens=tokens.prompt_tokens, output_tokens=tokens.completion_tokens)
        if refusal:
            raise RuntimeError(f"the model refused: {refusal}")
        if finished not in ("stop", "length"):  # None is a stream that was cut
            raise RuntimeError(f"the answer is not complete: it ended with {finished}")
        return text


def response_format(call: LLMCall) -> ResponseFormatText | ResponseFormatJSONObject | ResponseFormatJSONSchema:
    """Return the format that a node asks for."""
    if call.output_schema is not None:
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(call.output_schema)}}
    return {"type": "json_object"} if call.output_format == "json" else {"type": "text"}
