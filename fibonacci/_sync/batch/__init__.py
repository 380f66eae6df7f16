# Derived from fibonacci/_async/batch/__init__.py by tests/tools/mirror.py; change that file, not this one.
"""Running one workflow for many rows."""
