"""Values of the emulator's options that its command line shows too. It imports nothing heavy: `--help` needs it."""

from __future__ import annotations

from typing import Final, Literal

PlanName = Literal["free", "pro", "enterprise"]
"""The plans, each with different rate limits and quotas."""

TimeMode = Literal["real", "skip", "manual"]
"""`real` is the machine's time, `skip` also skips the waits of executions, `manual` moves only with `advance`."""

KEPT: Final = 10_000
"""How many executions that have ended are kept by default."""

SAFE_LENGTH: Final = 20
"""The fewest characters of an owner's key that other machines may try to guess."""

PORT: Final = 8787
"""The default port of the command: a fixed one, so that exported variables stay valid over a restart."""

LAST_PORT: Final = 65_535
