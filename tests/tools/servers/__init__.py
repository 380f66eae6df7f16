"""The SDK under load, behind the servers of `tests/servers`."""
