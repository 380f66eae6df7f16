"""The account: API keys and their roles, plans, and rate limits.

It imports `state`, `http` and `engine`, of which it needs no more than the store and the errors.
"""
