"""Integrations with other packages. Each module names the extra that it needs."""

from fibonacci._system.lazy import lazy_names

lazy_names(globals(), {}, modules=["opentelemetry"])
