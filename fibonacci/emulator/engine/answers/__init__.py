"""Answers of nodes in place of their defaults: scripts, cassettes, which of them goes first, and how one is parsed."""
