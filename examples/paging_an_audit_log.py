"""Read an organization's audit log, entry by entry and page by page."""

from __future__ import annotations

from collections import Counter

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator
from fibonacci.models import AuditEntry

ORGANIZATION = "default"  # of the emulator's key


def make_changes(client: Fibonacci) -> None:
    """Make 25 changes, each of which is an audit entry."""
    organization = client.organizations
    for threshold in range(2, 12):
        organization.governance.update(ORGANIZATION, approval_threshold=threshold)
    for runs in range(10, 20):
        organization.quota.update(ORGANIZATION, workflow_runs_per_hour=runs)
    for tool_name in ("slack_send_message", "email_send", "http_request", "web_search", "sql_query"):
        organization.tool_policies.create(ORGANIZATION, tool_name=tool_name, enabled=False)


def action(entry: AuditEntry) -> str:
    # The platform does not document the fields of an entry: all are kept, none is typed.
    return str(entry.model_dump().get("action"))


def main() -> None:
    with Emulator() as emulator, Fibonacci(emulator.api_key, base_url=emulator.base_url) as client:
        make_changes(client)
        audit = client.organizations.governance.audit(ORGANIZATION, page_size=10)

        # Iterating yields every entry: the next page is fetched when it is needed, and only one is held at a time.
        for name, number in Counter(action(entry) for entry in audit).most_common():
            print(f"{number:>4}  {name}")  # prints: 5  tool_policy.created

        # Page by page, with the response info of each.
        for number, page in enumerate(audit.pages(), 1):
            print(
                f"page {number}: {len(page)} entries, {page.response.request_id}"
            )  # prints: page 3: 5 entries, req_...

        # The newest three entries cost one request.
        for entry in client.organizations.governance.audit(ORGANIZATION).take(3):
            print(f"newest: {action(entry)}")  # prints: newest: tool_policy.created


if __name__ == "__main__":
    main()
