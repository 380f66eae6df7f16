"""Build the site; the package's docstring has the command."""

import sys
from pathlib import Path
from tests.site.build import build
build(Path(sys.argv[1]).absolute())
