"""A workflow as code, as an author writes it; `test_builder_typos.py` puts mistakes into it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from fibonacci import WorkflowBuilder


class Person(BaseModel):
    name: str


class Ticket(BaseModel):
    mail: str
    team: str
    sender: Person
    pause: float


class Classification(BaseModel):
    urgency: Literal["high", "low"]
    reason: str
    tone: str


flow = WorkflowBuilder("triage", description="Sorts mail")
given = flow.inputs(Ticket)
classify = flow.llm("classify", f"Classify: {given.mail}", output_format="json", output_schema=Classification)
with flow.when("urgent", classify.output.urgency, "equals", "high") as urgent:
    message = {"channel": f"#{given.team}", "message": classify.output.reason}
    page = flow.tool("page", "slack_send_message", message, timeout=10)
with urgent.otherwise():
    flow.tool("rest", "wait", {"seconds": given.pause})
    answer = f"Answer {given.sender.name} in the tone {classify['tone']}"
    draft = flow.llm("draft", answer, retries=3, retry_delay=1.0, retry_backoff="linear", after=[classify])
judge = flow.critic("judge", draft, criteria=["correctness"])
thank = flow.llm("thank", "Thank them")
flow.when("good", judge.output.passed, "equals", True, then=[thank])
flow.output(answer=draft, thanks=thank, urgent=urgent.output.result)
