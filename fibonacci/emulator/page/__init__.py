"""The page: what the emulator does, at its own address, for a browser.

It imports `app` and the wings before it. `serving` passes the page's requests to `mount`, which imports the rest at the
first one. An emulator whose page nobody opens doesn't pay for it.
"""
