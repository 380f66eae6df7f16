# Derived from fibonacci/_async/batch/__init__.py by tests/mirror.py; change that file, not this one.
"""Running one workflow for many rows."""
