"""Make the pictures of docs/images, and the card that is shown of links to the site.

python -m tests.tools.pictures                       all of them, in about a minute; needs Chromium
python -m tests.tools.pictures diagrams terminal     these alone
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Final

from tests.tools.pictures.card import ASSETS, card
from tests.tools.pictures.diagrams import diagrams
from tests.tools.pictures.emulator_page import screenshots
from tests.tools.pictures.flows import flow_diagrams
from tests.tools.pictures.limiter import limiter_timeline
from tests.tools.pictures.terminal.sessions import terminal_pictures
from tests.tools.pictures.themes import IMAGES, save

MAKERS: Final[Mapping[str, Callable[[], Mapping[str, str] | Mapping[str, bytes]]]] = {
    "diagrams": diagrams,
    "flows": flow_diagrams,
    "emulator": screenshots,
    "terminal": terminal_pictures,
    "limiter": limiter_timeline,
    "card": card,
}
ELSEWHERE: Final = {"card": ASSETS}
"""The folder of what no page shows."""


def main() -> None:
    """Make what the command line names, and print the names of the files."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.tools.pictures", description="Make the pictures of docs/images."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(MAKERS)}; all by default")
    names = parser.parse_args().names or list(MAKERS)
    if unknown := [name for name in names if name not in MAKERS]:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(MAKERS)}")
    for name in names:
        made = MAKERS[name]()
        save(made, ELSEWHERE.get(name, IMAGES))
        print(*made, sep="\n")


if __name__ == "__main__":
    main()
