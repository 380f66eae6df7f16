"""The page: what the emulator does, at its own address, for a browser.

It imports `app` and the wings before it. `serving` passes its requests on through `mount`, which imports the rest with
the first of them: an emulator whose page is not opened does not pay for it.
"""
