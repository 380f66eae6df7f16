"""The command that builds the site, checks it, and serves it; the package's docstring has its forms."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.tools.site.build import SiteError
from tests.tools.site.checks import BuiltSite
from tests.tools.site.navigation import NavigationError
from tests.tools.site.versions import build_versions


def main() -> int:
    """Build, check and maybe serve; return the exit code."""
    parser = ArgumentParser(prog="python -m tests.tools.site", description="Build the site of the documentation.")
    parser.add_argument("out", nargs="?", type=Path, help="the folder to build into, which is replaced")
    parser.add_argument("--releases", action="store_true", help="build the tagged releases too")
    parser.add_argument("--serve", action="store_true", help="serve it on this machine, until Ctrl-C")
    parser.add_argument("--port", type=int, default=8000, help="the port to serve at (8000)")
    given = parser.parse_args()
    if given.out is None and not given.serve:
        parser.error("name a folder to build into, or --serve")
    with TemporaryDirectory() as folder:
        out = given.out.absolute() if given.out else Path(folder) / "site"
        faults = _build(out, releases=given.releases)
        if given.serve:
            _serve(out, given.port)
    return int(bool(faults))


def _build(out: Path, *, releases: bool) -> list[str]:
    """Build and check; print the faults, the number of pages and the time, and return the faults."""
    began = perf_counter()
    try:
        site = BuiltSite(build_versions(out, releases=releases))
    except (NavigationError, SiteError) as error:
        raise SystemExit(str(error)) from error
    faults = site.faults()
    print(*faults, f"{len(site.pages)} pages in {perf_counter() - began:.1f} s, {len(faults)} faults", sep="\n")
    return faults


def _serve(out: Path, port: int) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(out))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    sys.exit(main())
