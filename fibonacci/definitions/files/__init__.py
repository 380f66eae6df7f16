"""Definitions in files, in YAML and JSON: reading with the place of each value, writing, formatting."""
