"""Scripts: the answers that nodes get in sequence."""

from __future__ import annotations

from typing import Any

from fibonacci.emulator.app.control.parts import EmulatorParts
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.answers.node_failure import ScriptError
from fibonacci.emulator.engine.answers.script_content import answer_view, new_script
from fibonacci.emulator.engine.answers.scripts import Script
from fibonacci.emulator.http.bodies import Body, read
from fibonacci.emulator.http.errors import Detail, invalid
from fibonacci.emulator.http.replies import Reply, created, no_content
from fibonacci.emulator.state.tables import Record


class ScriptCreate(Body):
    """The body of adding a script: the arguments of `Emulator.script`."""

    name: str
    answers: list[Any]
    repeat: bool = False


def list_scripts(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /scripts."""
    return Reply(list(map(_script_view, context.environment.scripts)))


def add_script(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /scripts."""
    body = read(ScriptCreate, context.body)
    try:
        script = new_script(body.name, body.answers, repeat=body.repeat)
        context.environment.scripts.add([script])
    except ScriptError as error:
        raise invalid(Detail(error.place, error.message)) from None
    return created(_script_view(script))


def clear_scripts(parts: EmulatorParts, context: RequestContext) -> Reply:
    """DELETE /scripts."""
    context.environment.scripts.clear()
    return no_content()


def _script_view(script: Script) -> Record:
    return {
        "name": script.name,
        "answers": list(map(answer_view, script.answers)),
        "repeat": script.repeat,
        "taken": script.taken,
        "remaining": script.remaining,
    }
