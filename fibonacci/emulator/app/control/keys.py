"""The keys of roles and persons."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fibonacci.emulator.account.auth import KeyRole
from fibonacci.emulator.app.control.parts import EmulatorParts
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.http.bodies import Body, read
from fibonacci.emulator.http.errors import Detail, invalid
from fibonacci.emulator.http.replies import Reply, created


class KeyCreate(Body):
    """The body of making a key: the arguments of `Emulator.key`."""

    role: KeyRole = "member"
    name: Annotated[str, Field(max_length=64)] | None = None


def make_key(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /keys. The same body makes the same key."""
    body = read(KeyCreate, context.body)
    try:
        key = parts.keys.of(body.role, body.name)
    except ValueError as error:
        raise invalid(Detail("name", str(error))) from None
    return created({"role": body.role, "name": body.name, "key": key})
