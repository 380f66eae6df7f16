"""The application: one request in, one response out, without a network.

It combines the wings before it: foreign hosts and origins, authentication, rate limits, idempotency, routing, injected
faults, the record of requests and the control API. Only `serving`, `facade` and the package itself import it.
"""
