"""HTTP without a network: messages, strict parsing of bodies and queries, replies, errors, paging and routing.

It depends on no endpoint and no handler type. It imports `state` and `fibonacci.definitions`.
"""
