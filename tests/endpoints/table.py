"""THE table: every call of the client with what it sends and gets. A public method without a row fails a test.

A call has a row for each way in which it can be used: with and without each optional argument, None where None is not
the same as nothing, and characters that have to be encoded.
"""

from __future__ import annotations

from tests.endpoints.rows_organizations import ROWS as ORGANIZATIONS
from tests.endpoints.rows_rest import ROWS as REST
from tests.endpoints.rows_workflows import ROWS as WORKFLOWS

ROWS = [*WORKFLOWS, *ORGANIZATIONS, *REST]

NOT_ENDPOINTS = {
    "request": "any path; it has a test of its own",
    "with_options": "makes a client",
    "reset_rate_limit": "sends nothing",
    "close": "closes connections",
    "aclose": "closes connections",
    "executions.cancel_all": "executions.list, then executions.cancel for each",
    "executions.retry": "executions.get, then workflows.execute",
    "executions.wait": "repeats executions.get",
    "executions.wait_all": "repeats executions.list, and executions.get",
    "executions.watch": "repeats executions.get",
    "workflows.find": "workflows.list",
    "workflows.ensure": "workflows.list, then workflows.create or update",
    "workflows.run": "workflows.execute, then executions.get",
    "workflows.run_many": "workflows.execute for each row, then executions.list and get",
    "workflows.plan": "tools.list, workflows.list and get",
    "workflows.apply": "workflows.list and get, then create, update and delete",
    "workflows.pull": "workflows.get, and a file",
}
"""The public methods that are no endpoint of their own, and why."""
