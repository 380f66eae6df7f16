"""The SDK measured beside its peers: `python -m tests.tools.benchmarks`."""
