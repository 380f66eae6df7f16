"""What makes prose hard to read is found where it is, and not in code; what teaches has none of it."""

from __future__ import annotations

from pathlib import Path

from tests.tools.markdown import ROOT
from tests.tools.prose import LONGEST, ProseCounts, count_page

PAGE = f"""
# Retries; or not

The call is sent again; for example,
`a; b` is code.

```python
first = 1; second = 2
```

| Fact | |
|---|---|
| one; two | [a link; that counts](https://example.com/;) |

{" ".join(["word"] * (LONGEST + 1))}. {" ".join(["word"] * LONGEST)}.
"""


def test_pages_that_people_learn_from_have_short_sentences() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "docs" / "index.md"]
    pages += [path for folder in ("tutorial", "how-to") for path in sorted((ROOT / "docs" / folder).glob("*.md"))]
    counts = ProseCounts()
    for page in pages:
        count_page(page, counts)
    assert (counts.semicolons, counts.long) == ([], [])


def test_a_page_is_counted_without_its_code(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE, "utf-8")
    counts = ProseCounts()
    count_page(page, counts)
    assert [line.partition(": ")[2] for line in counts.semicolons] == [
        "Retries; or not",
        "The call is sent again; for example, x is code.",
        "one; two",
        "a link; that counts",
    ]
    assert (len(counts.passive), len(counts.long), counts.examples) == (1, 1, 1)
