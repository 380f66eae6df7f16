# Derived from fibonacci/_async/__init__.py by tests/tools/mirror.py; change that file, not this one.
"""Everything that waits. The synchronous half is derived from this one by `tests/tools/mirror.py`."""
