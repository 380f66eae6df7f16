"""Answer `llm` nodes with a model on this machine, served by Ollama.

pip install ollama
ollama pull llama3.2
fibonacci dev --handlers ollama_model:register --reload
"""

from __future__ import annotations

import time

from fibonacci.emulator import Emulator, LLMCall

try:
    import ollama
except ImportError as error:
    raise ImportError("this example needs the package ollama: pip install ollama") from error

MODEL = "llama3.2"
"""The model of nodes that name none."""

SILENCE = 120.0
"""The seconds that the model may send nothing: the first answer loads it."""

LONGEST = 600.0
"""The seconds that an answer may take in all."""


def register(emulator: Emulator) -> None:
    """Answer the nodes of an emulator; it calls this function with `--handlers`."""
    client = ollama.Client(timeout=SILENCE)

    @emulator.llm
    def answer(call: LLMCall) -> str:
        ends = time.monotonic() + LONGEST
        text, finished = "", None
        for part in client.chat(  # pyright: ignore[reportUnknownMemberType]  # its `tools` have functions without types
            model=call.model or MODEL,
            messages=[
                {"role": "system", "content": call.system_prompt or "You are a step of a workflow."},
                {"role": "user", "content": call.instruction},
            ],
            format=dict(call.output_schema) if call.output_schema else "json" if call.output_format == "json" else None,
            options=ollama.Options(num_predict=call.max_tokens, temperature=call.temperature),
            stream=True,
        ):
            if time.monotonic() > ends:
                raise TimeoutError(f"the model took longer than {LONGEST:g} s")
            text += part.message.content or ""
            if part.done:
                finished = part.done_reason
                call.report_usage(input_tokens=part.prompt_eval_count or 0, output_tokens=part.eval_count or 0)
        if finished not in ("stop", "length"):  # None is a stream that was cut
            raise RuntimeError(f"the answer is not complete: it ended with {finished}")
        return text
