"""Limiters that processes share, as a user meets them. `python -m tests.limits` has the longer tests, with figures."""
