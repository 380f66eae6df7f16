"""Make the pictures of docs/images: diagrams, and screenshots of the emulator's page, which need Chromium.

python -m tests.tools.pictures                in about a minute
python -m tests.tools.pictures diagrams       the diagrams alone
"""

from __future__ import annotations

import sys

from tests.tools.pictures.diagrams import diagrams
from tests.tools.pictures.emulator_page import screenshots
from tests.tools.pictures.themes import save

if __name__ == "__main__":
    save(diagrams())
    if sys.argv[1:] != ["diagrams"]:
        save(screenshots())
