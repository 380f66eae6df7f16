# Derived from fibonacci/_async/transports/__init__.py by tests/tools/mirror.py; change that file, not this one.
"""Transports: over the SDK's own connections, or through an HTTP client of httpx or httpx2."""
