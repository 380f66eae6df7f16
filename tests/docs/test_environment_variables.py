"""The page of the environment variables has each that the sources read, and no other."""

from __future__ import annotations

import re

from fibonacci.cli.diagnosis import OTHER_VARIABLES, VARIABLES
from tests.tools.markdown import ROOT

PAGE = (ROOT / "docs" / "reference" / "options.md").read_text("utf-8")
ROWS = re.findall(r"^\| (`[A-Z][A-Z_]+`[^|]*)\|", PAGE, re.MULTILINE)
DOCUMENTED = {name for row in ROWS for name in re.findall(r"`([A-Z_]+)`", row)}


# A text that is the name of a variable of the SDK, and each way to read a variable.
NAMED = re.compile(
    r"""["'](FIBONACCI_[A-Z_]+)["']"""
    r"""|\bos\.(?:environ\.get\(|environ\[|getenv\()\s*["']([A-Z_]+)["']"""
    r"""|["']([A-Z_]+)["'] (?:not )?in os\.environ\b"""
)


def test_the_rows_are_the_variables_in_the_sources() -> None:
    text = "\n".join(path.read_text("utf-8") for path in (ROOT / "fibonacci").rglob("*.py"))
    read = {name for found in NAMED.findall(text) for name in found if name}
    assert {"FIBONACCI_API_KEY", "NO_COLOR", "SSL_CERT_DIR"} <= read
    assert read <= DOCUMENTED
    assert [name for name in DOCUMENTED if name not in text] == []
    assert {name for name in DOCUMENTED if name.startswith("FIBONACCI_")} == {
        name for name in read if name.startswith("FIBONACCI_")
    }


def test_doctor_shows_each_of_them_that_is_set() -> None:
    assert {*VARIABLES, *OTHER_VARIABLES} == {name for name in DOCUMENTED if not name.endswith("_PROXY")}
