"""The page: a website at the emulator's address that shows what the emulator does.

It imports `app` and the wings before it. `serving` passes the page's requests to `mount`, which imports the rest at the
first one. An emulator whose page nobody opens doesn't pay for it.
"""
