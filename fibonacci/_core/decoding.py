"""From the bytes of a success to typed objects, in one pass where the response has the usual shape.

The documentation shows three shapes: `{"data": ..., "meta": ...}`, `{"data": ...}`, and a bare object. The first two
are read straight from the bytes. Only when that fails is the response parsed to find its shape (see `unwrap`). What
Pydantic's parser refuses is read then as well, and an object with fields that aren't as documented, field by field:
only an ID can't be done without.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from types import NoneType
from typing import Annotated, Any, NotRequired, TypeGuard, get_args, get_origin

from pydantic import BaseModel, ConfigDict, FailFast, PydanticUserError, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from fibonacci._core.error_mapping import is_html, other_api, response_error
from fibonacci._core.json_bodies import DecompressionError, TooLargeError, is_array, is_object, parse_json
from fibonacci._core.response import APIResponse
from fibonacci._core.urls import QueryValue
from fibonacci.models._base import Model, converted_names, id_fields, other_names
from fibonacci.models.workflows import Workflow


def next_params(meta: Mapping[str, Any]) -> dict[str, QueryValue] | None:
    """Return the query parameters to add for the next page, or None when this page is the last.

    First it looks for `next_cursor` in `meta` or `meta.pagination`, then for `page` and `total_pages` there.
    """
    inner = meta.get("pagination")
    places = [meta, inner] if is_object(inner) else [meta]
    for place in places:
        cursor = place.get("next_cursor")
        if isinstance(cursor, str | int) and not isinstance(cursor, bool) and cursor != "":
            return {"cursor": cursor}
    for place in places:
        page, pages = place.get("page"), place.get("total_pages")
        if isinstance(page, int) and isinstance(pages, int) and page < pages:
            return {"page": page + 1}
    return None


Meta = Mapping[str, Any]

# Longer ones aren't shown.
_LONGEST_ID = 200

# The validator's list of all faults takes a hundred times their own size.
_MAX_FAULTS = 1000


@lru_cache(maxsize=256)
def _adapter(returns: Any) -> TypeAdapter[Any]:
    return TypeAdapter(_fail_fast(returns))


@lru_cache(maxsize=256)
def _envelope(returns: Any) -> TypeAdapter[Any]:
    fields = {"data": _fail_fast(returns), "meta": NotRequired[Any]}
    shape: Any = with_config(ConfigDict(extra="forbid"))(TypedDict("Envelope", fields))  # type: ignore[operator]
    return TypeAdapter(shape)


def _fail_fast(returns: Any) -> Any:
    """Return a type of which a list is read up to the first fault: a million faults take 400 MB."""
    return Annotated[returns, FailFast()] if get_origin(returns) is list else returns


def check_type(returns: Any) -> None:
    """Check, before anything is sent, that data can be read as a type.

    Raises:
        TypeError: If it can't.
    """
    problem = f"returns must be a model or another type that pydantic validates, not {returns!r}"
    if isinstance(returns, str):  # a name of a type, which pydantic would look up later
        raise TypeError(problem)
    try:
        _envelope(returns)
    except (PydanticUserError, TypeError) as error:
        raise TypeError(problem) from error


def decode(response: APIResponse, returns: Any, asked_id: str | None = None) -> tuple[Any, Meta]:
    """Return the data of a success, read as `returns`, and what is next to it.

    Args:
        response: The response.
        returns: The type of the data.
        asked_id: The ID that the object must have. None if any will do.

    Raises:
        APIResponseError: If the response isn't JSON, or not of that type, or about another object. Where nothing is
            returned, any response but a page of HTML is a success.
    """
    data, meta = _decode(response, returns)
    if asked_id is not None and data.id != asked_id:
        # Not cut: a part of the key, if the ID has it, would not be redacted.
        other = repr(data.id) if len(data.id) <= _LONGEST_ID else f"an ID of {len(data.id)} characters"
        raise response_error(response, f"the response is about {other} instead of {asked_id!r}")
    return data, meta


def _decode(response: APIResponse, returns: Any) -> tuple[Any, Meta]:
    if returns is NoneType:
        if is_html(response.text()):
            raise response_error(response, "the response is a page of HTML")
        return None, {}
    body = _body(response)
    try:
        envelope = _envelope(returns).validate_json(body)
        return envelope["data"], _meta(envelope.get("meta"))
    except ValidationError:
        pass  # drop the error before reading the response again: its faults take memory
    document = _parse(response, body)
    if is_object(document) and "input_data" in document and _is_model(returns):
        problem = "the response describes a run with input_data in place of inputs, so it may have run without inputs"
        raise response_error(response, problem, other_api("v1"))
    data, meta = unwrap(document, _fields(returns))
    return _validate(response, data, returns), meta


def decode_any(response: APIResponse) -> tuple[Any, Meta]:
    """Return the data of a success as plain Python objects (None when there is no body), and the `meta` next to it."""
    body = _body(response)
    return unwrap(_parse(response, body)) if body.strip() else (None, {})


def decode_list(response: APIResponse, item: Any, collection: str) -> tuple[list[Any], Meta]:
    """Return the items of a page, and the `meta` next to them.

    `data` may be a list, or an object with exactly one list under `items`, `results` or the resource's own name. A bare
    array is refused: it names no next page, so that a list would end with its first page.

    Raises:
        APIResponseError: If the response isn't JSON, or not such a list.
    """
    body = _body(response)
    returns = list[item]
    try:
        envelope = _envelope(returns).validate_json(body)
        return envelope["data"], _meta(envelope.get("meta"))
    except ValidationError:
        pass
    document = _parse(response, body)
    if is_array(document):
        raise response_error(
            response, ("the response is a bare array, without a cursor for the next page"), other_api("v1")
        )
    data, meta = unwrap(document, {"items", "results", collection})
    return _validate(response, _items(response, data, collection), returns), meta


def unwrap(document: Any, fields: Collection[str] | None = None) -> tuple[Any, Meta]:
    """Return what a document holds, and what is next to it: its `meta`, and members such as `links` or `success`.

    An object with `data`, and with nothing else but `meta`, is an envelope. One with further members may also be a bare
    object that happens to have a field named `data`. It is an envelope if it has none of the fields that the bare
    object is known by. If these aren't known, it is one if its `meta` is an object, and it has no `id`.

    Args:
        document: The decoded JSON.
        fields: The fields that a bare object is known by. None if that isn't known.
    """
    if not is_object(document) or "data" not in document:
        return document, {}
    meta = document.get("meta")
    beside = {name: value for name, value in document.items() if name not in ("data", "meta")}
    is_envelope = is_object(meta) and "id" not in beside if fields is None else document.keys().isdisjoint(fields)
    if beside and not is_envelope:
        return document, {}
    return document["data"], {**beside, **_meta(meta)}


def _fields(returns: Any) -> Collection[str] | None:
    """Return the fields that an object of a type is known by: its ID, else any. None if it may have any fields."""
    if get_origin(returns) is list:
        return ()  # no object is a list
    if not isinstance(returns, type) or not issubclass(returns, BaseModel):
        return None
    names = {name for own, field in returns.model_fields.items() for name in (own, field.alias or own)}
    ids = {"id"}
    if issubclass(returns, Model):
        names.update(converted_names(returns), other_names(returns))
        ids = {*id_fields(returns), *other_names(returns)}
    return names & ids or names or None


def _items(response: APIResponse, data: Any, collection: str) -> list[Any]:
    if is_array(data):
        return data
    if is_object(data):
        values = (data.get(name) for name in {"items", "results", collection})
        lists = [value for value in values if is_array(value)]
        if len(lists) == 1:
            return lists[0]
    raise response_error(response, f"the response has no list of {collection}")


def _body(response: APIResponse) -> bytes:
    try:
        return response.parsable_body
    except (DecompressionError, TooLargeError) as error:
        raise response_error(response, str(error)) from None


def _parse(response: APIResponse, body: bytes) -> Any:
    if not body.strip():
        raise response_error(response, "the response is empty")
    try:
        return parse_json(body)
    except ValueError as error:
        raise response_error(response, f"the response is not JSON ({error})") from None


def _validate(response: APIResponse, data: Any, returns: Any) -> Any:
    try:
        return _read(data, returns)
    except ValidationError as error:
        faults = f"{error.error_count()} problem(s)"
        if error.error_count() <= _MAX_FAULTS:
            first = error.errors(include_url=False, include_input=False)[0]
            faults = f"{'.'.join(str(part) for part in first['loc']) or 'the response'}: {first['msg']}; {faults}"
        problem = f"the response is not a {getattr(returns, '__name__', returns)} ({faults})"
        # The validator's own error isn't the cause, because it shows values of the response.
        raise response_error(response, problem) from None


def _read(data: Any, returns: Any) -> Any:
    """Return decoded JSON as a type. Objects of the platform, and lists of them, are read as far as possible."""
    from fibonacci.models._reading import read_model, read_models  # nearly all responses are read without it

    if _is_model(returns):
        return read_model(returns, data)
    if get_origin(returns) is list and is_array(data) and _is_model(item := get_args(returns)[0]):
        models = read_models(item, data)
        if models:
            return models
    return _adapter(returns).validate_python(data)


def _is_model(returns: object) -> TypeGuard[type[Model]]:
    return isinstance(returns, type) and issubclass(returns, Model)


def _meta(meta: Any) -> Meta:
    return meta if is_object(meta) else {}


# Pydantic imports modules and looks up names when it makes an adapter and reads an object for the first time. That
# happens here, for the kinds of fields that most models have, and not in a call: a fork by another thread in the middle
# of it would leave the child waiting for ever.
_envelope(list[Workflow]).validate_json(b'{"data": [{"id": ""}]}')
