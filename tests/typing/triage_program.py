"""A workflow as code, as an author writes it; `test_builder_typos.py` puts mistakes into it."""

from __future__ import annotations

from pydantic import BaseModel

from fibonacci import WorkflowBuilder


class Ticket(BaseModel):
    mail: str
    team: str


flow = WorkflowBuilder("triage", description="Sorts mail")
given = flow.inputs(Ticket)
classify = flow.llm("classify", f"Classify: {given.mail}", model=None, output_format="json")
message = {"channel": f"#{given.team}", "message": classify["reason"]}
page = flow.tool("page", "slack_send_message", message, timeout=10)
answer = f"Answer {given.mail} in the tone {classify['tone']}"
draft = flow.llm("draft", answer, retries=3, retry_delay=1.0, after=[classify])
flow.when("gate", classify["urgency"], "equals", "high", then=[page], otherwise=[draft])
flow.critic("judge", draft, criteria=["correctness"])
flow.output(answer=draft)
