from __future__ import annotations

from hypothesis import settings

# A machine that is busy with other things makes an example slow, not wrong.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
