"""Integrations with other packages. Each needs an extra, which its module names."""
