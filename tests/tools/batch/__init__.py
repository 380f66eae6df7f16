"""Batches that are killed, journals that are destroyed, and what many rows cost."""
