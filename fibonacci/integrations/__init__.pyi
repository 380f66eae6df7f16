# Derived from fibonacci/integrations/__init__.py by tests/tools/stubs.py; change that file, not this one.
from . import opentelemetry as opentelemetry

__all__: list[str] = []
