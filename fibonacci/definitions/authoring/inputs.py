"""The inputs of a workflow as templates, with the fields of the author's model."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any, NoReturn, SupportsIndex

from pydantic import RootModel

from fibonacci.definitions.authoring import value_types
from fibonacci.definitions.authoring.handles import (
    Template,
    check_format,
    part_key,
    path_of,
    refuse,
    warn_of_comparison,
)

_template = attrgetter("_template")  # under a public name it would hide a field of that name


class InputFields:
    """An object among the inputs: its attributes are the templates of its fields, such as `{{input.mail}}`.

    It stands where the type checker sees the author's model, and has no public attributes but the model's fields.
    """

    __slots__ = ("_template",)

    def __init__(self, template: Template) -> None:
        self._template = template

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # no field, but a protocol of Python's or a notebook's, which asks at any time
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}", name=name)
        value_type = self._template.value_type
        if name == "root" and value_types.is_model(value_type) and issubclass(value_type, RootModel):
            return input_value(self._template, "", value_types.bare(value_type.model_fields["root"].annotation))
        part = value_types.field(value_type, name, str(self))
        return input_value(self._template, f".{part.name}", part.type)

    def __getitem__(self, key: str | SupportsIndex | slice[Any, Any, Any]) -> Any:
        part = value_types.item(self._template.value_type, part_key(self, key), str(self))
        return input_value(self._template, f".{part.name}", part.type)

    def __str__(self) -> str:
        return str(self._template)

    def __repr__(self) -> str:
        return repr(str(self))

    def __format__(self, spec: str) -> str:
        check_format(self, spec)
        return str(self)

    def __dir__(self) -> Iterable[str]:
        value_type = self._template.value_type
        return list(value_type.model_fields) if value_types.is_model(value_type) else []

    def __eq__(self, other: object) -> bool:
        warn_of_comparison(self, other)
        return isinstance(other, InputFields) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __iter__(self) -> NoReturn:
        refuse(self, "iteration")


class InputItems(Template):
    """A value among the inputs that is not an object, or a list of objects: as text it is its template."""

    def __getitem__(self, key: str | SupportsIndex | slice[Any, Any, Any]) -> Any:
        """Return the template of an item, with the fields of its model if it is an object."""
        part = value_types.item(self.value_type, part_key(self, key), str(self))
        return input_value(self, f".{part.name}", part.type)


def inputs_of(builder: object, model: object) -> InputFields:
    """Return the inputs of a workflow, whose fields are those of a model, or any if the model is Any."""
    return InputFields(Template("input", builder, model))


def input_value(owner: Template, suffix: str, value_type: object) -> Template | InputFields:
    """Return a part of a value among the inputs."""
    template = InputItems(path_of(owner) + suffix, owner.builder, value_type)
    return InputFields(template) if value_types.has_attributes(value_type) else template


def template_of(value: object) -> object:
    """Return the template of a part of the inputs; any other value as it is."""
    return _template(value) if isinstance(value, InputFields) else value
