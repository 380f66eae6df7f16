"""The application: one request in, one response out, without a network.

It puts the wings before it together: authentication, rate limits, idempotency, routing, injected faults, the record of
requests and the control API. Only `serving` and `facade` import it.
"""
