"""Factories of every model, one file per group of resources."""
