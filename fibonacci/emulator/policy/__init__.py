"""Policy: whether a workflow may run (tool policies, quotas, approval), and the audit log.

It imports `state`, `http`, `engine`, `account` and the request context.
"""
