"""Processes that share the rate limit of a key: what is refused, what is lost of each window, what a call costs."""
