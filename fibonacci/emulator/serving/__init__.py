"""Serving: the application on a loopback socket, and as the transport of a client in the same process.

It imports `app` and the wings before it. `in_process` alone knows the client's transport types, and is imported by
`Emulator.client()` and `Emulator.async_client()` only.
"""
