"""Injected faults: what goes wrong, for which requests, and how it is done to a socket.

It imports `state` and `http`; no route depends on it.
"""
