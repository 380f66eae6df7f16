"""Eight workflows of 5 to 40 nodes as builder programs; `workflows/` has the same eight as files.

They use what real ones use: schemas, nested conditionals, critics, fallbacks, conditions, memory, retries and tools.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, Field

from fibonacci import WorkflowBuilder
from fibonacci.definitions import NodeHandle


class TriageTicket(BaseModel):
    mail: str
    customer_id: str
    plan: Literal["free", "pro", "enterprise"]


class Triage(BaseModel):
    category: Literal["billing", "bug", "question"]
    urgency: Literal["high", "low"]
    summary: str


def support_triage() -> WorkflowBuilder:
    flow = WorkflowBuilder("Support triage", description="Sorts mails and drafts an answer", timeout=120)
    given = flow.inputs(TriageTicket)
    classify = flow.llm(
        "classify",
        f"Classify this mail of a customer with the plan {given.plan}:\n\n{given.mail}",
        model="claude-haiku-4-5",
        temperature=0,
        output_schema=Triage,
        retries=3,
        retry_delay=2.0,
    )
    account = flow.tool(
        "account",
        "http_request",
        {
            "url": f"https://crm.example.com/customers/{given.customer_id}",
            "method": "GET",
            "headers": {"Authorization": "Bearer {{secrets.CRM_TOKEN}}"},
        },
        timeout=10,
    )
    canned = flow.llm("canned", f"Thank the author of this mail, and say that we look into it: {given.mail}")
    draft = flow.llm(
        "draft",
        f"Answer this mail:\n{given.mail}\n\nIn short: {classify['summary']}\nThe account: {account}",
        model="claude-sonnet-4-5",
        system_prompt="You are kind, and promise nothing.",
        max_tokens=800,
        memory_read=["tone"],
        fallback=canned,
    )
    judge = flow.critic("judge", draft, criteria=["kind", f"about {classify['category']}"], min_score=8)
    page = flow.tool("page", "slack_send_message", {"channel": "#support", "message": classify["summary"]})
    billing = flow.tool(
        "billing",
        "gmail_send",
        {"to": "billing@example.com", "subject": "A question about a bill", "body": given.mail},
    )
    queue = flow.tool(
        "queue",
        "google_sheets_write_range",
        {"spreadsheet_id": "sheet-1", "range": "A:C", "values": [[given.customer_id, classify["summary"]]]},
        retries=2,
    )
    is_billing = flow.when("is-billing", classify["category"], "equals", "billing", then=[billing], otherwise=[queue])
    flow.when("urgent", classify["urgency"], "equals", "high", then=[page], otherwise=[is_billing])
    flow.output(answer=draft, category=classify["category"], score=judge["overall_score"])
    return flow


class Supplier(BaseModel):
    name: str
    country: str


class Invoice(BaseModel):
    text: str
    amount: float = Field(ge=0)
    currency: Literal["EUR", "USD", "GBP"]
    supplier: Supplier


class InvoiceLine(BaseModel):
    item: str
    price: float


class Extract(BaseModel):
    number: str
    lines: list[InvoiceLine] = Field(min_length=1)


class Match(BaseModel):
    known: bool
    reason: str


class Booking(BaseModel):
    number: str
    known: bool


def invoice_approval() -> WorkflowBuilder:
    flow = WorkflowBuilder("Invoice approval", version="2.1", retries=1, retry_delay=5, output_schema=Booking)
    given = flow.inputs(Invoice)
    extract = flow.llm("extract", f"Extract number and lines:\n{given.text}", output_schema=Extract, temperature=0.1)
    history = flow.tool(
        "history",
        "sql_query",
        {
            "query": "SELECT number, amount FROM invoices WHERE supplier = ? AND country = ?",
            "parameters": [given.supplier.name, given.supplier.country],
        },
        timeout=20,
    )
    match = flow.llm(
        "match",
        f"Does invoice {extract['number']}, whose first line is {extract['lines'][0]['item']}, fit these?\n{history}",
        output_schema=Match,
    )
    convert = flow.tool(
        "convert",
        "calculator",
        {"expression": f"{given.amount} * 1.1"},
        condition=(given.currency, "not_equals", "EUR"),
    )
    flow.tool(
        "keep-rate", "memory_set", {"key": "rate", "value": {"converted": convert}, "scope": "workflow", "ttl": 3600}
    )
    ask = flow.tool(
        "ask",
        "email_send",
        {
            "to": "accounting@example.com",
            "cc": "audit@example.com",
            "subject": f"Invoice {extract['number']} is unknown",
            "body": match["reason"],
        },
    )
    question = flow.llm(
        "question", f"Ask the manager to approve {given.amount} {given.currency} for {given.supplier.name}"
    )
    manager = flow.tool("manager", "slack_send_message", {"channel": "#approvals", "message": question})
    pay = flow.tool(
        "pay",
        "http_request",
        {"url": "https://bank.example.com/payments", "method": "POST", "body": f"{extract['number']}: {given.amount}"},
        retries=0,
    )
    amount = flow.when("amount", given.amount, "greater_than", 5000, then=[question, manager], otherwise=[pay])
    flow.when("known", match["known"], "equals", True, then=[amount], otherwise=[ask])
    flow.output(number=extract["number"], known=match["known"])
    return flow


class Research(BaseModel):
    topic: str = Field(min_length=3)
    depth: int = Field(ge=1, le=10)
    audience: Literal["experts", "public"]


class Plan(BaseModel):
    queries: list[str] = Field(min_length=3)
    question: str


def research_report() -> WorkflowBuilder:
    flow = WorkflowBuilder("Research report", timeout=900, allow_partial_results=True)
    given = flow.inputs(Research)
    plan = flow.llm("plan", f"Three queries about {given.topic}, and the question behind them", output_schema=Plan)
    notes: list[NodeHandle] = []
    for index, name in enumerate(("first", "second", "third")):
        search = flow.tool(
            f"search-{name}", "web_search", {"query": plan["queries"][index], "limit": given.depth}, retries=2
        )
        notes.append(flow.llm(f"notes-{name}", f"What of this answers {plan['question']}?\n{search}"))
    page = flow.tool("page", "web_scrape", {"url": "https://encyclopedia.example.org/"}, timeout=15)
    draft = flow.llm(
        "draft",
        f"Write a report on {given.topic} for {given.audience}.\n{notes[0]}\n{notes[1]}\n{notes[2]}\nBeside: {page}",
        model="claude-opus-4-5",
        max_tokens=4000,
        timeout=200,
        memory_write={"last_topic": given.topic},
    )
    judge = flow.critic(
        "judge",
        draft,
        criteria=["sources are named", "clear", f"fit for {given.audience}"],
        model="claude-sonnet-4-5",
        min_score=8.5,
        max_iterations=2,
        improvement_prompt=f"Write it better: {draft}",
    )
    title = flow.llm("title", f"A title for:\n{draft}", temperature=0.9, max_tokens=30)
    store = flow.tool(
        "store", "file_write", {"path": "report.md", "text": f"# {title}\n\n{draft}", "encoding": "utf-8"}
    )
    review = flow.tool(
        "review", "slack_send_message", {"channel": "#reports", "message": f"Please read: {title}"}, after=[draft]
    )
    flow.when("good", judge["passed"], "equals", True, then=[store], otherwise=[review])
    flow.output(report={"title": title, "text": draft}, score=judge["overall_score"], queries=plan["queries"])
    return flow


class PostedComment(BaseModel):
    text: str
    author: str
    page: str


class Scan(BaseModel):
    toxicity: float = Field(ge=0, le=1)
    labels: list[str]
    language: str


def moderation() -> WorkflowBuilder:
    flow = WorkflowBuilder("Moderation", description="Removes, holds or publishes a comment")
    given = flow.inputs(PostedComment)
    scan = flow.llm("scan", f"How toxic is this comment?\n{given.text}", output_schema=Scan, retries=2, retry_delay=0.5)
    explain = flow.llm("explain", f"Tell {given.author} in {scan['language']} why it is removed: {scan['labels']}")
    remove = flow.tool("remove", "http_request", {"url": f"https://example.com/{given.page}", "method": "DELETE"})
    mail = flow.tool(
        "mail", "gmail_send", {"to": given.author, "subject": "Your comment", "body": explain}, after=[remove]
    )
    strike = flow.tool(
        "strike",
        "memory_set",
        {"key": "strike", "value": {"page": given.page}, "scope": "user", "user_id": given.author, "ttl": 86400},
    )
    hold = flow.tool(
        "hold", "slack_send_message", {"channel": "#moderators", "message": f"{given.author}: {given.text}"}
    )
    publish = flow.tool(
        "publish", "http_request", {"url": "https://example.com/comments", "method": "POST", "body": given.text}
    )
    doubtful = flow.when("doubtful", scan["toxicity"], "greater_than", 0.4, then=[hold], otherwise=[publish])
    flow.when(
        "toxic", scan["toxicity"], "greater_than", 0.8, then=[explain, remove, mail, strike], otherwise=[doubtful]
    )
    flow.output(toxicity=scan["toxicity"], labels=scan["labels"])
    return flow


class HomeAddress(BaseModel):
    street: str
    city: str
    country: Literal["DE", "FR", "US"]


class Employee(BaseModel):
    name: str
    mail: str
    team: Literal["sales", "engineering"]
    address: HomeAddress
    buddy: str


class Welcome(BaseModel):
    subject: str
    body: str


def onboarding() -> WorkflowBuilder:
    flow = WorkflowBuilder("Onboarding", version=3, timeout=600)
    given = flow.inputs(Employee)
    handbook = flow.tool("handbook", "file_read", {"path": f"handbook/{given.address.country}.md", "encoding": "utf-8"})
    seats = flow.tool("seats", "google_sheets_read", {"spreadsheet_id": "seats", "range": "A1:D200"}, retries=3)
    seat = flow.llm("seat", f"A free seat near {given.team} in {given.address.city}:\n{seats}", output_format="text")
    plain = flow.llm("plain", f"Welcome {given.name}", name="A welcome without the handbook")
    welcome = flow.llm(
        "welcome",
        f"Welcome {given.name}, whose buddy is {given.buddy}. Seat: {seat}\n{handbook}",
        output_schema=Welcome,
        output_format="json",
        temperature=0.7,
    )
    judge = flow.critic("judge", welcome, max_iterations=1, timeout=30)
    send = flow.tool("send", "gmail_send", {"to": given.mail, "subject": welcome["subject"], "body": welcome["body"]})
    failed = flow.tool(
        "failed", "slack_send_message", {"channel": "#people", "message": f"No account for {given.name}"}
    )
    accounts = flow.tool(
        "accounts",
        "http_request",
        {
            "url": "https://id.example.com/users",
            "method": "POST",
            "headers": {"X-Token": "{{env.ID_TOKEN}}"},
            "body": given.mail,
        },
        on_error=failed,
        retries=2,
        retry_backoff="exponential",
    )
    agenda = flow.llm("agenda", f"An agenda for the first week of {given.name} in {given.team}", fallback=plain)
    repository = flow.tool(
        "repository", "http_request", {"url": "https://git.example.com/invite", "method": "POST", "body": given.mail}
    )
    crm = flow.tool("crm", "sql_query", {"query": "INSERT INTO sellers VALUES (?)", "parameters": [given.name]})
    tax = flow.tool("tax", "email_send", {"to": "tax@example.com", "subject": "W-4", "body": given.address.street})
    abroad = flow.when("american", given.address.country, "equals", "US", then=[tax])
    flow.when("seller", given.team, "equals", "sales", then=[crm, abroad], otherwise=[repository])
    flow.tool("calendar", "http_request", {"url": "https://cal.example.com", "body": agenda}, after=[send, accounts])
    flow.output(welcome=welcome["body"], agenda=agenda, good=judge["passed"])
    return flow


class Alert(BaseModel):
    service: str
    message: str
    error_rate: float
    started_at: str
    labels: list[str] = Field(min_length=1)


class Diagnosis(BaseModel):
    severity: Literal["critical", "major", "minor"]
    cause: str
    confidence: float = Field(ge=0, le=1)
    steps: list[str]


class Customers(BaseModel):
    affected: int
    names: list[str]


def incident_response() -> WorkflowBuilder:
    flow = WorkflowBuilder("Incident response", timeout=1800, retries=2, retry_delay=1, retry_backoff="linear")
    given = flow.inputs(Alert)
    logs = flow.tool(
        "logs", "http_request", {"url": f"https://logs.example.com/{given.service}", "method": "GET"}, timeout=60
    )
    deploys = flow.tool(
        "deploys", "sql_query", {"query": "SELECT * FROM deploys WHERE service = ?", "parameters": [given.service]}
    )
    runbook = flow.tool("runbook", "file_read", {"path": f"runbooks/{given.service}.md"})
    guess = flow.llm(
        "guess", f"What may be the cause of: {given.message}", model="claude-haiku-4-5", output_schema=Diagnosis
    )
    diagnose = flow.llm(
        "diagnose",
        f"Since {given.started_at}: {given.message} (errors: {given.error_rate})\n{logs}\n{deploys}\n{runbook}",
        model="claude-opus-4-5",
        system_prompt=f"You are on call for {given.service}.",
        output_schema=Diagnosis,
        memory_read=["incidents", "owners"],
        memory_write={"last_cause": f"{given.service}: {given.message}"},
        fallback=guess,
        timeout=120,
    )
    count = flow.tool(
        "count", "sql_query", {"query": "SELECT * FROM sessions WHERE service = ?", "parameters": [given.service]}
    )
    customers = flow.llm("customers", f"Who is affected?\n{count}", output_schema=Customers)
    summary = flow.llm(
        "summary", f"Sum up for people: {diagnose['cause']}, {customers['affected']} customers", max_tokens=200
    )
    judge = flow.critic("judge", summary, criteria=["calm", "short", "names no person"], max_iterations=2)
    page = flow.tool(
        "page", "slack_send_message", {"channel": "#oncall", "message": f"{diagnose['severity']}: {summary}"}
    )
    bridge = flow.tool(
        "bridge", "http_request", {"url": "https://meet.example.com", "method": "POST", "body": summary}, after=[page]
    )
    rollback = flow.tool(
        "rollback", "http_request", {"url": f"https://deploy.example.com/{given.service}/rollback", "method": "POST"}
    )
    settle = flow.tool("settle", "wait", {"seconds": 30}, after=[rollback])
    verify = flow.tool("verify", "http_request", {"url": f"https://{given.service}.example.com/health"}, after=[settle])
    report = flow.tool("report", "slack_send_message", {"channel": "#oncall", "message": f"Rolled back: {verify}"})
    manual = flow.tool(
        "manual", "slack_send_message", {"channel": "#oncall", "message": f"Please do: {diagnose['steps']}"}
    )
    sure = flow.when(
        "sure", diagnose["confidence"], "greater_than", 0.9,
        then=[rollback, settle, verify, report], otherwise=[manual],
    )  # fmt: skip
    apology = flow.llm("apology", f"Apologize to {customers['names']} for: {diagnose['cause']}", temperature=0.5)
    tell = flow.tool("tell", "email_send", {"to": "customers@example.com", "subject": "An incident", "body": apology})
    many = flow.when("many", customers["affected"], "greater_than", 100, then=[apology, tell])
    ticket = flow.tool(
        "ticket",
        "http_request",
        {
            "url": "https://issues.example.com",
            "method": "POST",
            "body": f"{given.service}: {diagnose['cause']} {given.labels[0]}",
        },
    )
    flow.when(
        "critical", diagnose["severity"], "equals", "critical",
        then=[page, bridge, sure, many], otherwise=[ticket],
    )  # fmt: skip
    flow.tool(
        "archive",
        "google_sheets_write_range",
        {"spreadsheet_id": "incidents", "range": "A:D", "values": [[given.service, diagnose["severity"], summary]]},
        condition=(diagnose["severity"], "not_equals", "minor"),
    )
    flow.output(
        severity=diagnose["severity"],
        summary=summary,
        affected={"number": customers["affected"], "names": customers["names"]},
        good=judge["passed"],
    )
    return flow


class Company(BaseModel):
    name: str
    website: str


class Enriched(BaseModel):
    industry: Literal["software", "retail", "other"]
    employees: int = Field(ge=0)


def data_enrichment() -> WorkflowBuilder:
    flow = WorkflowBuilder("Data enrichment")
    given = flow.inputs(Company)
    site = flow.tool("site", "web_scrape", {"url": given.website}, retries=2, timeout=20)
    news = flow.tool("news", "web_search", {"query": f"{given.name} employees", "limit": 3})
    enrich = flow.llm("enrich", f"Industry and size of {given.name}:\n{site}\n{news}", output_schema=Enriched)
    write = flow.tool(
        "write",
        "sql_query",
        {
            "query": "UPDATE companies SET industry = ?, employees = ? WHERE name = ?",
            "parameters": [enrich["industry"], enrich["employees"], given.name],
        },
    )
    flow.when("useful", enrich["industry"], "not_equals", "other", then=[write])
    flow.output(industry=enrich["industry"], employees=enrich["employees"])
    return flow


class Brief(BaseModel):
    product: str
    audience: str
    words: int = Field(ge=50, le=3000)
    channels: list[str]
    launch: str
    legal_review: bool


class Outline(BaseModel):
    title: str
    sections: list[str] = Field(min_length=2)
    keywords: list[str] = Field(min_length=1)


class Facts(BaseModel):
    correct: bool
    faults: list[str]


LANGUAGES: Final = {"de": "German", "fr": "French", "es": "Spanish", "it": "Italian"}


def content_pipeline() -> WorkflowBuilder:
    flow = WorkflowBuilder("Content pipeline", description="An article in five languages", timeout=3600)
    given = flow.inputs(Brief)
    style = flow.tool("style", "file_read", {"path": "style.md"})
    rivals = flow.tool("rivals", "web_search", {"query": f"{given.product} for {given.audience}", "limit": 5})
    outline = flow.llm(
        "outline", f"Outline an article on {given.product}, {given.words} words.\n{rivals}", output_schema=Outline
    )
    intro = flow.llm("intro", f"An introduction to {outline['title']} in this style:\n{style}")
    sections = [
        flow.llm(
            f"section-{number}",
            f"Write {outline['sections'][number - 1]} for {given.audience}:\n{style}",
            max_tokens=900,
        )
        for number in (1, 2)
    ]
    article = flow.llm(
        "article", f"# {outline['title']}\n{intro}\n{sections[0]}\n{sections[1]}", model="claude-opus-4-5"
    )
    judge = flow.critic("judge", article, criteria=["style", "length"], min_score=7.5, max_iterations=3)
    facts = flow.llm("facts", f"Is all of it true?\n{article}", output_schema=Facts, temperature=0)
    image = flow.tool(
        "image",
        "http_request",
        {"url": "https://images.example.com", "method": "POST", "body": outline["title"]},
        timeout=90,
    )
    short = flow.llm("short", f"One sentence on {given.product}")
    teaser = flow.llm(
        "teaser", f"A teaser for {given.audience}, with {outline['keywords'][0]}:\n{article}", fallback=short
    )
    faults = flow.tool("faults", "slack_send_message", {"channel": "#editors", "message": f"Wrong: {facts['faults']}"})
    opinion = flow.llm("opinion", f"What may a lawyer say of this?\n{article}", model="claude-sonnet-4-5")
    lawyer = flow.tool(
        "lawyer",
        "email_send",
        {"to": "legal@example.com", "subject": f"{given.launch}: {outline['title']}", "body": opinion},
    )
    post = flow.tool("post", "http_request", {"url": "https://cms.example.com/en", "method": "POST", "body": article})
    social = flow.tool(
        "social", "http_request", {"url": "https://social.example.com", "method": "POST", "body": teaser}, after=[post]
    )
    legal = flow.when("legal", given.legal_review, "equals", True, then=[opinion, lawyer], otherwise=[post, social])
    flow.when("correct", facts["correct"], "equals", True, then=[legal], otherwise=[faults])
    translations: dict[str, NodeHandle] = {}
    for code, language in LANGUAGES.items():
        translation = flow.llm(f"translate-{code}", f"Translate into {language}:\n{article}", retries=2)
        quality = flow.critic(f"judge-{code}", translation, criteria=[f"good {language}"], max_iterations=1)
        stored = flow.tool(f"store-{code}", "file_write", {"path": f"{code}.md", "text": translation})
        poor = flow.tool(
            f"poor-{code}",
            "slack_send_message",
            {"channel": f"#{code}", "message": f"Score {quality['overall_score']}"},
        )
        flow.when(f"good-{code}", quality["passed"], "equals", True, then=[stored], otherwise=[poor])
        translations[code] = translation
    flow.tool("archive", "json_transform", {"data": {"article": article, "title": outline["title"]}, "expression": "$"})
    flow.output(article=article, teaser=teaser, translations=translations, score=judge["overall_score"], image=image)
    return flow


class Case(NamedTuple):
    """A workflow of the eight.

    Attributes:
        build: Makes the builder.
        inputs: Inputs that it takes.
    """

    build: Callable[[], WorkflowBuilder]
    inputs: Mapping[str, Any]


CASES: Final[Mapping[str, Case]] = {
    "support_triage": Case(support_triage, {"mail": "My invoice is wrong", "customer_id": "c-7", "plan": "pro"}),
    "invoice_approval": Case(
        invoice_approval,
        {"text": "No. 7: a chair, 90", "amount": 90, "currency": "USD", "supplier": {"name": "Oak", "country": "DE"}},
    ),
    "research_report": Case(research_report, {"topic": "tides", "depth": 3, "audience": "public"}),
    "moderation": Case(moderation, {"text": "You are wrong", "author": "ann@example.com", "page": "tides"}),
    "onboarding": Case(
        onboarding,
        {
            "name": "Ann",
            "mail": "ann@example.com",
            "team": "sales",
            "address": {"street": "1 Main St", "city": "Boston", "country": "US"},
            "buddy": "Ben",
        },
    ),
    "incident_response": Case(
        incident_response,
        {
            "service": "cart",
            "message": "It is slow",
            "error_rate": 0.2,
            "started_at": "2026-11-01T10:00:00Z",
            "labels": ["cart"],
        },
    ),
    "data_enrichment": Case(data_enrichment, {"name": "Oak", "website": "https://oak.example.com"}),
    "content_pipeline": Case(
        content_pipeline,
        {
            "product": "Tide clock",
            "audience": "sailors",
            "words": 600,
            "channels": ["blog"],
            "launch": "2026-12-01",
            "legal_review": False,
        },
    ),
}
