"""Running one workflow for many rows."""
