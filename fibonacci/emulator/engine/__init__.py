"""The engine: runs workflows, with default nodes or the user's handlers, on the emulator's clock.

It knows no accounts and no requests to the API. It imports `state`, `http` (bodies) and `fibonacci.definitions`.
"""
