"""`fibonacci plan --markdown`: a comment for a pull request, in which nothing of others is carried out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from fibonacci import DeploymentChange, DeploymentPlan
from fibonacci.cli.plan_markdown import plan_markdown
from fibonacci.definitions import Problem, Problems, diff
from tests.kit.assertions import check_rows

FOLDER = Path("/work/flows")


def change(
    file: str = "a.yaml", name: str = "a", reason: str = "the file has changed", **more: Any
) -> DeploymentChange:
    options: dict[str, Any] = {"action": "update", "workflow_id": "wf-1", **more}
    return DeploymentChange(file=file, name=name, reason=reason, **options)


def plan_of(*changes: DeploymentChange, problems: list[Problem] | None = None, **more: Any) -> DeploymentPlan:
    options: dict[str, Any] = {"environment": "staging", "base_url": "https://api.example/v1", **more}
    return DeploymentPlan(folder=FOLDER, changes=changes, problems=Problems(problems or []), **options)


def instructed(old: str, new: str) -> Any:
    """Return the difference between two instructions."""
    return diff(*({"nodes": [{"id": "greet", "type": "llm", "instruction": text}]} for text in (old, new)))


def test_the_comment_for_a_reviewer() -> None:
    warning = Problem(
        location="nodes[0].mood",
        code="unknown_key",
        message="'mood' is not a key",
        severity="warning",
        source=str(FOLDER / "a.yaml:3:4"),
    )
    plan = plan_of(
        change(diff=instructed("Greet\nall\nof them", "Greet\nnone\nof them")),
        change("b.yaml", "b", "`fibonacci pull wf-2 --dir DIR` keeps it (for now)", is_conflict=True),
        change("c.yaml", "c", "the file is gone", action="delete"),
        problems=[warning],
        unchanged=("d.yaml",),
    )
    comment = """\
### Plan for `staging`: 2 to update, 1 to delete, 1 conflict, 1 unchanged, 1 warning

`https://api.example/v1`, folder `flows`

> [!CAUTION]
> A workflow was changed on the platform since the last apply. `fibonacci pull` keeps that, \
`fibonacci apply --overwrite` replaces it.

> [!WARNING]
> A workflow will be deleted, which needs `--allow-delete`.

| Action | File | Workflow | Why |
|---|---|---|---|
| update | `a.yaml` | `a` | the file has changed |
| **conflict:** update | `b.yaml` | `b` | `fibonacci pull wf-2 --dir DIR` keeps it (for now) |
| delete | `c.yaml` | `c` | the file is gone |

- **warning** `a.yaml:3:4`: `'mood'` is not a key

<details><summary>update <code>a&#46;yaml</code></summary>

```diff
! greet.instruction:
@@ -1,3 +1,3 @@
     Greet
-    all
+    none
     of them
```

</details>"""
    assert plan_markdown(plan) == comment


HOSTILE = [
    "@octocat @acme/team",
    "a | b || \\| c \\\\| d \\",
    "`` ` ``` ```` ~~~",
    "</code></details></summary></td><script>alert(1)</script><!-- <![CDATA[",
    "[x](https://evil.example) ![x](https://evil.example/p.png) <https://evil.example>",
    "https://evil.example www.evil.example me@evil.example #12 GH-12 acme/x#12",
    "*a* **b** _c_ __d__ ~~e~~ $f$ :tada: &lt;b&gt; &#60;b>",
    "# heading\n\n- item\n> quote\n```\n</details>\n1. x\n\r\x0b\x0c\x85\u2028\u2029",
    "\x1b[31m\x00\u202e\ud800",
    " ",
    "",
    "-->",
    "\\`@a\\`",
]
HTML = re.compile(r"<details><summary>\w+ <code>[^<>@]*</code></summary>|</details>")


def leaves(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.children is None:
            yield token
        else:
            yield from leaves(token.children)


def test_nothing_of_others_is_markup() -> None:
    def check(text: str) -> None:
        plan = plan_of(
            change(text, text, text, diff=instructed("Greet", f"{text}\n{text}")),
            change(text, text, f"({text})", is_conflict=True, action="delete", diff=instructed(text, "Greet")),
            problems=[Problem(location=text, code="x", message=f"it is {text}", severity="warning", source=text)],
        )
        tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(plan_markdown(plan))
        assert [token.type for token in tokens].count("tr_open") == 3
        assert [token.type for token in tokens].count("td_open") == 2 * 4
        assert [token.type for token in tokens].count("fence") == 2
        assert [token.type for token in tokens].count("heading_open") == 1
        depth = 0
        for token in leaves(tokens):
            assert token.type not in ("link_open", "image", "em_open", "s_open", "code_block"), token
            if token.type == "html_block":
                assert re.fullmatch(
                    r"<details><summary>\w+ <code>[^<>@]*</code></summary>|</details>", token.content.strip()
                )
            elif token.type == "html_inline":
                assert token.content in ("<code>", "</code>")
                depth += 1 if token.content == "<code>" else -1
            elif token.type == "text" and not depth:
                assert not re.search(r"[@#`<>|\\_~$&]|://|www\.|\w\.\w|:\w+:", token.content.replace("[!", "")), token
        assert depth == 0

    check_rows(((repr(text), text) for text in HOSTILE), check)


def test_a_comment_has_the_length_that_is_allowed() -> None:
    changes = [
        change(f"{number:04}.yaml", "n" * 2000, "r" * 2000, diff=instructed("Greet", f"é{number}\n" * 20))
        for number in range(300)
    ]
    problems = [
        Problem(location="", code="x", message="m" * 5000, severity="warning", source=str(FOLDER / "a.yaml"))
        for _ in range(300)
    ]
    for some, more in ((changes[:20], []), (changes[:20], problems), (changes, [])):
        text = plan_markdown(plan_of(*some, problems=more))
        assert len(text.encode()) <= 65_536
        assert text.count("<details>") == text.count("</details>")
        last = text.splitlines()[-1]
        is_cut = len(some) > 20 or bool(more)
        assert last.startswith("A comment has at most 65,536 characters, so some parts are not shown: ") == is_cut
    (rows,) = re.findall(r"(\d+) changes", last)
    assert int(rows) == 300 - text.count("\n| update |")
