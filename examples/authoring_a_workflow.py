"""Write a workflow as code, let it be checked, try it on an emulator, and print what it gave.

The same definition goes to the platform: `Fibonacci().workflows.ensure(flow)`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from fibonacci import WorkflowBuilder
from fibonacci.emulator import Emulator, LLMCall


class Ticket(BaseModel):
    """What each run is given."""

    mail: str
    team: str


class Verdict(BaseModel):
    """What the first node has to answer."""

    urgency: str
    tone: str
    reason: str


flow = WorkflowBuilder("triage", description="Sorts mail")
given = flow.inputs(Ticket)
classify = flow.llm("classify", f"Classify: {given.mail}", output_schema=Verdict)
with flow.when("urgent", classify.output.urgency, "equals", "high") as urgent:
    message = {"channel": f"#{given.team}", "message": classify.output.reason}
    page = flow.tool("page", "slack_send_message", message, timeout=10)
with urgent.otherwise():
    answer = f"Answer {given.mail} in the tone {classify.output.tone}"
    draft = flow.llm("draft", answer, retries=3, retry_delay=1.0)
    flow.critic("judge", draft, criteria=["correctness"])
flow.output(answer=draft, paged=page)


def reply(call: LLMCall) -> dict[str, Any] | str:
    """Stand for the language model."""
    if call.node_id != "classify":
        return f"Dear customer, thank you for: {call.instruction}"
    urgency = "high" if "burns" in call.instruction else "low"
    return Verdict(urgency=urgency, tone="calm", reason=call.instruction).model_dump()


def main() -> None:
    for problem in flow.check():
        print(problem)

    emulator = Emulator()
    emulator.llm(reply)
    client = emulator.client()
    workflow = client.workflows.ensure(flow)
    for mail in ["It burns", "Where is my invoice?"]:
        outputs = client.workflows.run(workflow.id, inputs={"mail": mail, "team": "help"}).outputs
        print(f"{mail}\n  answer  {outputs['answer']}\n  paged   {outputs['paged']}")
        # prints: paged   {'tool': 'slack_send_message', 'params': {'channel': '#help', ...}, ...}
        # prints: answer  Dear customer, thank you for: Answer Where is my invoice? in the tone calm


if __name__ == "__main__":
    main()
