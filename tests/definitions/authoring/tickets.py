"""Models of a workflow's inputs, with all that a field can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, RootModel
from typing_extensions import TypedDict


class Sender(BaseModel):
    name: str
    mail_address: str = Field(alias="mailAddress")


class Tags(RootModel[list[str]]):
    pass


class Folder(BaseModel):
    name: str
    inside: list[Folder] = []


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")


class Labels(TypedDict):
    team: str


@dataclass
class Point:
    x: int


class SupportTicket(BaseModel):
    """A request for help."""

    title: str
    count: int = 0
    sender: Sender
    copies: list[Sender] = []
    reply_to: Annotated[Sender | None, Field(description="Who is answered")] = None
    pairs: tuple[Sender, int] | None = None
    by_name: dict[str, Sender] = {}
    tags: Tags = Tags([])
    loose: Loose = Loose()
    labels: Labels = {"team": ""}
    point: Point = Point(0)
    anything: Any = None
    either: Sender | Loose | None = None
    subject_line: str = Field(default="", validation_alias=AliasChoices("subject", "Subject"))
