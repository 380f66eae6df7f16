"""Limiters that processes share, as a user meets them. `tests.tools.limits` has the longer tests, with figures."""
