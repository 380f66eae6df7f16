"""The picture that chats and social networks show of a link to the site: `og:image`."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Final

from playwright.sync_api import ViewportSize

from tests.kit.chromium import chromium
from tests.tools.markdown import ROOT
from tests.tools.releases.project import read_project

SIZE: Final = ViewportSize(width=1200, height=630)
NAME: Final = "card.png"
ASSETS: Final = ROOT / "tests" / "tools" / "site" / "theme" / "assets"

_LOGO: Final = Path(__file__).parents[1] / "site" / "theme" / "partials" / "logo.html"
_CODE: Final = """\
<b>from</b> fibonacci <b>import</b> Fibonacci

client <b>=</b> Fibonacci()
execution <b>=</b> client.workflows.run(
    <i>"wf-greeter"</i>,
    inputs<b>=</b>{<i>"name"</i>: <i>"Ada"</i>},
)
print(execution.outputs)"""
_STYLE: Final = """
* { box-sizing: border-box; margin: 0 }
body { width: 1200px; height: 630px; padding: 64px; display: flex; gap: 56px; align-items: center;
  background: #1b2359; color: #fff; font-family: system-ui, sans-serif }
.words { flex: 1 }
svg { width: 96px; margin-bottom: 28px }
h1 { font-size: 58px; letter-spacing: -1px; white-space: nowrap; margin-bottom: 22px }
p { font-size: 27px; line-height: 1.42; color: #d3d9f7 }
.install { margin-top: 34px; font: 23px ui-monospace, monospace; color: #9fb0ff; white-space: nowrap }
pre { width: 560px; padding: 34px 36px; border-radius: 16px; background: #161b22; border: 1px solid #3d444d;
  font: 22px/1.55 ui-monospace, monospace }
b { color: #ff7b72; font-weight: 400 }
i { color: #a5d6ff; font-style: normal }
"""


def card() -> dict[str, bytes]:
    """Return the picture, by its file name."""
    with chromium() as browser:
        page = browser.new_page(viewport=SIZE)
        page.set_content(card_page())
        return {NAME: page.screenshot()}


def card_page() -> str:
    """Return the page that the picture is taken of: what the package is, and a program that uses it."""
    words = f"<h1>fibonacci-sdk</h1><p>{escape(read_project()['description'])}</p>"
    install = '<div class="install">pip install fibonacci-sdk</div>'
    return (
        f'<style>{_STYLE}</style><div class="words">{_LOGO.read_text("utf-8")}{words}{install}</div><pre>{_CODE}</pre>'
    )
