"""The control API: the controls of an emulator for other languages and processes.

Its paths begin with `/_emulator` and require the owner's key. They are not part of the platform: no failure is injected
into them, no rate limit counts them, and no record of requests has them. `endpoints` has the table of all of them; each
subject has a file with its bodies and handlers.
"""

from __future__ import annotations

from typing import Final

CONTROL_PREFIX: Final = "_emulator"
