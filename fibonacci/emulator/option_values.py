"""Values of the emulator's options that its command line shows too. It imports nothing heavy: `--help` needs it."""

from __future__ import annotations

from typing import Final, Literal

PlanName = Literal["free", "pro", "enterprise"]
"""The plans, each with different rate limits and quotas."""

TimeMode = Literal["real", "skip", "manual"]
"""`real` is the machine's time, `skip` also skips the waits of executions, `manual` moves only with `advance`."""

KEPT: Final = 10_000
"""How many finished executions are kept by default."""

SAFE_LENGTH: Final = 20
"""How many characters an owner's key needs if other machines can try to guess it."""

PORT: Final = 8787
"""The default port of the command: a fixed one, so that exported variables stay valid after a restart."""

LAST_PORT: Final = 65_535
