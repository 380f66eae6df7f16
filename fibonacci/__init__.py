"""The Python client of the Fibonacci platform."""

__version__ = "1.0.0"
