"""The account: API keys and their roles, plans, and rate limits.

It imports `state` and `http`.
"""
