"""What makes prose hard to read is found where it is, and not in code; what teaches has none of it."""

from __future__ import annotations

from pathlib import Path

from tests.tools.markdown import ROOT
from tests.tools.prose import LONGEST, ProseCounts, count_docstrings, count_messages, count_page

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

MODULE = '''
def call(timeout):
    """Call it.

    Args:
        timeout: Seconds; one that is no number is refused.

    ```python
    call(1); call(2)
    ```
    """
    raise ValueError(f"timeout must be a number; it is {timeout}")
'''


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


def test_docstrings_and_messages_are_counted(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(MODULE, "utf-8")
    docstrings, messages = ProseCounts(), ProseCounts()
    count_docstrings(module, docstrings)
    count_messages(module, messages)
    assert [len(docstrings.semicolons), len(docstrings.stilted), len(messages.semicolons)] == [1, 1, 1]
