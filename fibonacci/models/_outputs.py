"""The outputs of an execution as an object of a type of the user's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString, TypeVar

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, to_json

from fibonacci.errors import OutputError

T = TypeVar("T")

_SHOWN_FAULTS = 5


def outputs_as(outputs: Mapping[str, Any], model: type[T], source: str) -> T:
    """Return outputs as an object of a type.

    Args:
        outputs: The outputs by name.
        model: The type.
        source: What they are the outputs of, for the message.

    Raises:
        OutputError: If they do not fit.
        TypeError: If pydantic cannot validate the type.
    """
    try:
        # Read as the JSON that they were, which strict models of it are written for.
        return TypeAdapter(model).validate_json(to_json(outputs))
    except ValidationError as error:
        cause = _without_values(error)
    except (PydanticUserError, NameError) as error:  # the second for a name that is resolved later, and not known
        raise TypeError(f"model must be a type that pydantic validates, such as a BaseModel, not {model!r}") from error
    # Raised here: the exception above has the values in its text, and would be the context of this one.
    faults = [f"{'.'.join(map(str, each['loc'])) or 'all'}: {each['msg']}" for each in cause.errors()]
    more = f"; and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
    text = f"the outputs of {source} do not fit {cause.title}: {'; '.join(faults[:_SHOWN_FAULTS])}{more}"
    raise OutputError(text) from cause


def _without_values(error: ValidationError) -> ValidationError:
    """Return the error without the values of the input in its text; its `errors()` have them."""
    faults: list[InitErrorDetails] = []
    for each in error.errors():
        # Of pydantic's own messages, this one alone has a value.
        message = "Input tag is not one of those expected" if each["type"] == "union_tag_invalid" else each["msg"]
        kind = PydanticCustomError(_literal(each["type"]), _literal(message))
        faults.append(InitErrorDetails(type=kind, loc=each["loc"], input=each["input"]))
    return ValidationError.from_exception_data(error.title, faults, "json", hide_input=True)


def _literal(text: Any) -> LiteralString:
    """Return a text as what pydantic asks for; without a context, it takes no placeholder in it for one."""
    return text  # type: ignore[no-any-return]
