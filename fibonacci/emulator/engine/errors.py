"""The error of a node."""


class NodeError(Exception):
    """A node fails for the reason in the message."""
