"""What all models have in common.

The modules of models don't have `from __future__ import annotations`: for each model, Pydantic would compile the
annotations of its class and of all parents once more, which takes a third of the time to define it.
"""

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, get_type_hints

from pydantic import BaseModel, ConfigDict
from pydantic_core import core_schema

from fibonacci._system.concurrency import passing_interrupts
from fibonacci.models.response import ResponseInfo

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, SerializerFunctionWrapHandler

    from fibonacci.models.executions import Execution

T = TypeVar("T")

_SHOWN_CHARACTERS = 60
_TIMES = ("created_at", "updated_at")


@passing_interrupts
class Model(BaseModel):
    """An object from the platform, frozen, with a typed field for everything that the platform documents.

    The SDK keeps fields that it doesn't know. They are attributes too. `model_dump(mode="json")` returns every field of
    the response unchanged, known or not, and no others. Some attributes are converted, for example from text to a
    `datetime`. For these, `model_extra` has the value in the response.

    Two objects are equal if all their fields are. Their hash comes from their IDs. An object without an ID isn't
    hashable.

    Example:
        ```python
        assert workflow.model_dump(mode="json")["id"] == workflow.id
        ```
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="allow",
        frozen=True,
        # `_reading` converts and reports what isn't as documented.
        strict=True,
        serialize_by_alias=True,
        # A model's validator is built on first use, not when its module is imported.
        defer_build=True,
        protected_namespaces=(),
    )

    _repr_fields: ClassVar[tuple[str, ...]] = ()
    """The fields that the repr shows, in this order. If empty, the first few that were received."""

    _id_fields: ClassVar[tuple[str, ...]] = ()
    """The fields that identify an object among others of its class. Empty if none do."""

    _converted: ClassVar[tuple[str, ...]] = ()
    """The documented fields that properties read from `model_extra`, where they are as the platform sent them."""

    _other_names: ClassVar[Mapping[str, str]] = {}
    """Other names that a field has in responses, each with the name of the field."""

    @property
    def response(self) -> ResponseInfo:
        """The HTTP response that the object came in: status, request ID, headers, rate limit, attempts, elapsed time.

        It isn't part of dumps, equality or the repr. Items of a list share the response of their page.

        Raises:
            AttributeError: If the object didn't come in a response.
        """
        info: ResponseInfo | None = self.__dict__.get("_response")
        if info is None:
            raise AttributeError(f"this {type(self).__name__} did not come in a response, so it has none")
        return info

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: "GetCoreSchemaHandler"
    ) -> core_schema.CoreSchema:
        # What pydantic's `model_serializer` does, whose module takes 2 ms to import.
        schema = handler(source)
        model = cast("dict[str, Any]", handler.resolve_ref_schema(schema))
        model["serialization"] = core_schema.wrap_serializer_function_ser_schema(
            cls._as_received, return_schema=core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema())
        )
        return schema

    def _as_received(self, dump: "SerializerFunctionWrapHandler") -> dict[str, Any]:
        fields: dict[str, Any] = dump(self)  # `model_extra` replaces fields of the same name
        more = self.model_extra or {}
        for name, field in type(self).model_fields.items():
            received_name = field.alias or name
            if name not in self.model_fields_set and received_name not in more:
                fields.pop(received_name, None)
        return fields

    def __hash__(self) -> int:
        if not self._id_fields:
            raise TypeError(f"unhashable type: {type(self).__name__!r}, which has no id")
        return hash((type(self), *(getattr(self, name) for name in self._id_fields)))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dict with the names of the attributes, such as `id`, ready for JSON.

        Times are text in ISO 8601. `dict(model)` does the same. To get the fields of the response unchanged, use
        `model_dump(mode="json")` instead.

        Returns:
            The values by name. Every documented field is there, None or empty if the platform didn't send it. The
            fields that the SDK doesn't know come last.

        Example:
            ```python
            run = execution.to_dict()
            assert (run["id"], run["outputs"]) == (execution.id, execution.outputs)
            ```
        """
        return plain_dict(self, as_json=True)

    def __iter__(self) -> Generator[tuple[str, Any], None, None]:
        yield from self.to_dict().items()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name not in self._other_names:
                try:
                    return super().__getattr__(name)  # a field that the SDK doesn't know
                except AttributeError:
                    if name.startswith("_") or hasattr(type(self), name):
                        raise
            from fibonacci._texts.suggestions import missing_attribute

            raise missing_attribute(self, name, partial(self._completions, name))

        def _completions(self, missing: str) -> list[str]:
            if missing in self._other_names:
                return [self._other_names[missing]]
            more = getattr(self, "__pydantic_extra__", None)  # an object that is being copied has none yet
            extra = [name for name in more or {} if name not in self._other_names]
            return [*(name for name in dir(self) if not name.startswith("model_")), *extra]

    def __repr__(self) -> str:
        received = [name for name in type(self).model_fields if name in self.model_fields_set]
        more = [name for name in self.model_extra or {} if name not in received]
        names = self._repr_fields or [*received, *more][:6]
        return f"{type(self).__name__}({', '.join(f'{name}={self._short(name)}' for name in names)})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        from fibonacci._display.html import object_html

        return object_html(type(self).__name__, plain_dict(self), *self._diagram())

    def _received(self, name: str) -> Any:
        """Return a field that the model doesn't define, as the platform sent it, or None without one."""
        return (self.__pydantic_extra__ or {}).get(name)

    def _read(self, name: str, annotation: type[T]) -> T | None:
        """Return such a field as a type, as far as it can be read. None if it is missing, or nothing can be read."""
        value = self._received(name)
        if value is None:
            return None
        from fibonacci.models._reading import read_field

        read: T | None = read_field(type(self), name, value, annotation)
        return read

    def _read_object(self, name: str) -> dict[str, Any] | None:
        """Return such a field as an object, without looking at its contents."""
        value = self._received(name)
        return cast("dict[str, Any]", value) if isinstance(value, dict) else self._read(name, dict[str, Any])

    def _diagram(self, execution: "Execution | None" = None) -> list[str]:
        """Return the diagram of the object's definition, if it has one, for a notebook."""
        definition = self.to_dict().get("definition")
        if not isinstance(definition, dict):
            return []
        from fibonacci._display.html import diagram_part
        from fibonacci.definitions.diagrams.svg import diagram_html

        return [diagram_part(diagram_html(cast("dict[str, Any]", definition), execution=execution))]

    def _short(self, name: str) -> str:
        more = self.model_extra or {}
        is_unknown = name in more and name not in self._converted and name not in type(self).model_fields
        # A field with the name of a method isn't a method.
        text = repr(more[name] if is_unknown else getattr(self, name, None))
        return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def converted_names(model: type[Model]) -> tuple[str, ...]:
    """Return the documented fields of a model that properties read from `model_extra`."""
    return model._converted  # pyright: ignore[reportPrivateUsage]  (this file declares it)


def id_fields(model: type[Model]) -> tuple[str, ...]:
    """Return the fields that identify an object among others of its class. Empty if none do."""
    return model._id_fields  # pyright: ignore[reportPrivateUsage]


def other_names(model: type[Model]) -> Mapping[str, str]:
    """Return the other names that fields have in responses, each with the name of the field."""
    return model._other_names  # pyright: ignore[reportPrivateUsage]


def plain_dict(model: Model, *, as_json: bool = False) -> dict[str, Any]:
    """Return the fields of a model by their plain names, the unknown ones last, with models inside as dictionaries.

    Args:
        model: The model.
        as_json: Whether times are text.
    """
    names = plain_names(type(model))
    values = {name: getattr(model, name) for name in names}
    known = {*names, *other_names(type(model))}
    more = {name: value for name, value in (model.model_extra or {}).items() if name not in known}
    return {name: _plain(value, as_json=as_json) for name, value in {**values, **more}.items()}


@cache
def plain_names(model: type[Model]) -> tuple[str, ...]:
    """Return the plain names of a model's documented fields. The times that all models have come last."""
    names = [*model.model_fields, *converted_names(model)]
    return tuple(sorted(names, key=lambda name: name in _TIMES))


@cache
def plain_types(model: type[Model]) -> dict[str, Any]:
    """Return the type of each documented field by its plain name."""
    fields = model.model_fields
    return {
        name: fields[name].annotation if name in fields else _returned(getattr(model, name))
        for name in plain_names(model)
    }


def _returned(reader: property) -> Any:
    """Return the type of a property, or Any if its annotation uses a name that only type checkers import."""
    try:
        return get_type_hints(reader.fget)["return"]
    except NameError:
        return Any


def _plain(value: object, *, as_json: bool) -> object:
    if isinstance(value, Model):
        return plain_dict(value, as_json=as_json)
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [_plain(item, as_json=as_json) for item in items] if items and isinstance(items[0], Model) else items
    return value.isoformat() if as_json and isinstance(value, datetime) else value


def attach_response(received: Sequence[object], info: ResponseInfo) -> None:
    """Attach the HTTP response to the objects that came in it, if they are models.

    It is set past Pydantic, which leaves names that aren't fields out of dumps, equality and reprs. A private attribute
    of Pydantic would slow down the reading of a page by more than a third.
    """
    if received and isinstance(received[0], Model):
        for model in received:
            model.__dict__["_response"] = info  # in half the time of object.__setattr__


class Timestamped(Model):
    """An object with the times of its creation and of its last change.

    The platform doesn't document the format of times. The SDK expects ISO 8601:
    https://docs.fibonacci.today/explanation/contract-choices

    Example:
        ```python
        print(workflow.created_at.isoformat())
        ```
    """

    _converted: ClassVar[tuple[str, ...]] = ("created_at", "updated_at")

    @property
    def created_at(self) -> datetime | None:
        """The time of creation, in the time zone that the platform sends (UTC). None if it isn't known."""
        return self._read("created_at", datetime)

    @property
    def updated_at(self) -> datetime | None:
        """The time of the last change, in the time zone that the platform sends (UTC). None if it isn't known."""
        return self._read("updated_at", datetime)
