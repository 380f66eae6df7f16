"""The guide of continuous integration: its blocks of YAML are files of `examples/github_actions`, or jobs of them."""

from __future__ import annotations

import re
from typing import Final

from tests.tools.markdown import ROOT

GUIDE: Final = ROOT / "docs" / "how-to" / "check-workflows-in-ci.md"
WORKFLOWS: Final = ROOT / "examples" / "github_actions"
_BLOCK: Final = re.compile(r"^```yaml\n(.+\n)(?:.*\n)*?```$", re.MULTILINE)
_JOB: Final = re.compile(r"^  [\w-]+:\n(?:    .*\n|\n(?=    ))+", re.MULTILINE)


def github_actions_guide() -> str:
    """Return the page: what is written by hand, with each block as the file or job that begins with its first line."""
    parts: dict[str, str] = {}
    for path in sorted(WORKFLOWS.iterdir()):
        text = path.read_text("utf-8")
        for part in (text, *_JOB.findall(text.partition("\njobs:\n")[2])):
            parts[part.partition("\n")[0] + "\n"] = part
    return _BLOCK.sub(lambda block: f"```yaml\n{parts[block[1]]}```", GUIDE.read_text("utf-8"))
