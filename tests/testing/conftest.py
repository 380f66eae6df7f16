"""The plugin's fixtures, imported: pyproject.toml keeps pytest from loading the plugin itself in this repository.

Loading it would import `fibonacci` before coverage begins to measure. That the entry point works, the tests find out in
processes of their own.
"""

from fibonacci.testing.plugin import async_fibonacci_client, fibonacci_client, fibonacci_emulator

__all__ = ["async_fibonacci_client", "fibonacci_client", "fibonacci_emulator"]
