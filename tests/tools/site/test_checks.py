"""The check of a built site finds what is wrong in it."""

from __future__ import annotations

from pathlib import Path

from tests.kit.assertions import check_each
from tests.tools.site.checks import BuiltSite

GOOD = """<html><head><title>A page</title><meta name="description" content="About">
<link rel="canonical" href="https://docs.example/"><link rel="stylesheet" href="a.css"></head>
<body><h2 id="part">Part</h2>
<a href="other/">other</a> <a href="other/#there">there</a> <a href="#part">part</a> <a href="https://elsewhere.example">e</a>
<img src="a.svg" alt="A curve"></body></html>"""


def built(folder: Path, html: str) -> BuiltSite:
    (folder / "other").mkdir(parents=True)
    (folder / "index.html").write_text(html)
    (folder / "other" / "index.html").write_text(
        '<title>Other</title><meta name="description" content="It"><p id="there"></p>'
    )
    for name in ("a.css", "a.svg"):
        (folder / name).touch()
    return BuiltSite(folder)


def test_a_good_page_has_no_faults(tmp_path: Path) -> None:
    site = built(tmp_path, GOOD)
    assert site.faults() == []
    assert site.has("index.html", "part")
    assert not site.has("index.html", "there")


FAULTS = [
    ('href="other/"', 'href="missing/"', "leads nowhere: missing/"),
    ("other/#there", "other/#elsewhere", "leads nowhere: other/#elsewhere"),
    ('"#part"', '"#whole"', "leads nowhere: #whole"),
    ('src="a.svg"', 'src="b.svg"', "leads nowhere: b.svg"),
    ('href="other/"', 'href="../outside.html"', "leads nowhere: ../outside.html"),
    ('alt="A curve"', "", "a picture without a text: a.svg"),
    ("<title>A page</title>", "", "no title"),
    ('content="About"', 'content=""', "no description"),
    ('<img src="a.svg"', '<img src="//elsewhere.example/a.svg"', "loads from elsewhere: //elsewhere.example/a.svg"),
    ('href="a.css"', 'href="https://fonts.example/a.css"', "loads from elsewhere: https://fonts.example/a.css"),
    (
        "</body>",
        '<script src="https://cdn.example/a.js"></script>',
        "loads from elsewhere: https://cdn.example/a.js",
    ),
    ("</body>", '<p id="part"></p>', "a fragment that occurs twice: part"),
]
"""A text of the good page, what is in place of it, and the fault that this is."""


def test_a_fault_is_named_with_its_page(tmp_path: Path) -> None:
    def check(row: tuple[str, str, str]) -> None:
        old, new, fault = row
        assert old in GOOD
        (tmp_path / "site" / "index.html").write_text(GOOD.replace(old, new, 1))
        assert BuiltSite(tmp_path / "site").faults() == [f"index.html: {fault}"]

    built(tmp_path / "site", GOOD)
    (tmp_path / "outside.html").touch()
    check_each(FAULTS, check)
