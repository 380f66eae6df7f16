"""The engine: runs workflows, with default nodes or the user's handlers, on the emulator's clock.

It depends on no account and no request to the API. It imports `state`, `http` (bodies) and `fibonacci.definitions`.
"""
