"""Transports: over the SDK's own connections, or through an HTTP client of httpx or httpx2."""
