"""Serving: the application on a loopback socket, and as the transport of a client in the same process.

It imports `app` and the wings before it. `in_process` alone imports the client's transport types. Only
`Emulator.client()` and `Emulator.async_client()` import it.
"""
