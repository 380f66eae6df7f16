"""Integrations with other packages. Each needs an extra, which its module names."""

from fibonacci._lazy import lazy_names

lazy_names(globals(), {}, modules=["opentelemetry"])
