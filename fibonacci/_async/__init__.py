"""Everything that waits. The synchronous half is derived from this one by `tests/tools/mirror.py`."""
