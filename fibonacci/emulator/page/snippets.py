"""The same run from elsewhere: as Python, curl, and a command, to paste."""

from __future__ import annotations

from pprint import pformat
from shlex import quote
from typing import Any, Final

from fibonacci.definitions.checks.inputs import check_inputs
from fibonacci.emulator.page.components import text_block
from fibonacci.emulator.page.context import ViewContext, segment
from fibonacci.emulator.page.html import HTMLElement, h
from fibonacci.emulator.state.json_encoding import JSONObject, to_text

_PYTHON: Final = """from fibonacci import Fibonacci

client = Fibonacci(base_url={url!r})
"""
_RUN: Final = """result = client.workflows.run({workflow_id!r}, inputs={inputs})
print(result.outputs)
"""
_CURL: Final = """curl -sS {url} \\
  -H "Authorization: Bearer $FIBONACCI_API_KEY" \\
  -H 'Content-Type: application/json' \\
  --data-raw {body}
"""


def example(name: str, title: str, lines: str, context: ViewContext) -> HTMLElement:
    """Return a program to paste: a client of this emulator, and what is done with it.

    Args:
        name: Its name on the page.
        title: What it is.
        lines: What is done with `client`; `{organization}` is the id of the organization.
        context: The request.
    """
    done = lines.replace("{organization}", context.backend.app.organization)
    return text_block(name, title, _PYTHON.format(url=f"http://{context.address}/v1") + done, context)


def run_snippets(context: ViewContext, workflow_id: str, definition: Any, inputs: JSONObject) -> HTMLElement:
    """Return what runs a workflow with the same inputs outside of the page; each text works as pasted.

    The key is that of the variable `FIBONACCI_API_KEY`, and never in the text. A secret in the inputs is `***`.
    """
    url = f"http://{context.address}/v1"
    at_workflow = f"{url}/workflows/{segment(workflow_id)}/execute"
    # Escaped beyond ASCII: a terminal may take the bytes of other characters for something else.
    body, given = to_text({"inputs": inputs}), to_text(inputs)
    run = _RUN.format(workflow_id=workflow_id, inputs=pformat(inputs, width=100, sort_dicts=False))
    is_refused = any(it.severity == "error" or it.code == "unused_input" for it in check_inputs(definition, inputs))
    verb = "workflows execute" if is_refused else "run"  # it checks the inputs, which were run all the same
    command = f"FIBONACCI_BASE_URL={quote(url)} fibonacci {verb} {quote(workflow_id)} --inputs {quote(given)}\n"
    is_redacted = context.backend.redact(given) != given
    return h.details(
        h.summary("Run it from code"),
        h.div(
            h.p("The key is read from ", h.code("FIBONACCI_API_KEY"), ". The shell is bash, zsh or sh.", class_="note"),
            h.p("Put the secrets in, which are *** here.", class_="flash warning") if is_redacted else None,
            example("python", "Python", run, context),
            text_block("curl", "curl", _CURL.format(url=quote(at_workflow), body=quote(body)), context),
            text_block("command", "Command", command, context),
            class_="details",
        ),
        id="snippets",
        open=context.full in ("python", "curl", "command"),
    )
