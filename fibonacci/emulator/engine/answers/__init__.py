"""Answers of nodes in place of their defaults: scripts, cassettes, and how an answer is parsed."""
