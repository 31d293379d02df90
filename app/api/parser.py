"""How `Blueprint.arguments` reads a request: the type of the body, its size, its JSON, and then the schema."""

import json
import re
from collections import Counter
from typing import Any, NoReturn

import orjson
from flask import Request, current_app
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge

from app import exact_json
from app.api.problems import UnsupportedMediaType
from app.api.transaction import may_be_empty
from app.errors import Fault, Invalid, NotJson
from app.schemas.faults import BODY, QUERY, invalid
from app.schemas.fields import MAX_NESTING

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
ACCEPT_PATCH = f"{JSON}, {MERGE_PATCH}"
MAX_BULK_ROWS = 1000
# The end of a member's name; a quote inside of a text may look the same.
END_OF_NAME = re.compile(rb'"[ \t\n\r]*:')
TOO_DEEP = f"The body is nested deeper than {MAX_NESTING} levels."


class ArgumentsParser(FlaskParser):
    """webargs' parser for Flask with the service's JSON and its errors. Unknown names are for the schema to refuse."""

    def __init__(self) -> None:
        super().__init__(unknown=None)

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The decoded JSON of the body. Raises NotJson, Invalid, UnsupportedMediaType, RequestEntityTooLarge."""
        document = _read_json(req)
        if schema.many and not (isinstance(document, list) and 1 - may_be_empty() <= len(document) <= MAX_BULK_ROWS):
            sentence = f"The body must be a JSON array of 1 to {MAX_BULK_ROWS} objects."
            raise Invalid(sentence, faults=[Fault("#", sentence)])
        return document

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **_: Any) -> NoReturn:
        """Raise Invalid, naming each fault."""
        # webargs puts the messages under the name of the place that they are about.
        [(location, messages)] = error.messages_dict.items()
        raise invalid(messages, schema, BODY if location == "json" else QUERY) from None


def _read_json(request: Request) -> Any:
    body, environ = request.get_data(), request.environ
    if not environ.get("CONTENT_LENGTH") and len(body) >= current_app.config["MAX_CONTENT_LENGTH"]:
        # werkzeug cuts a body that comes in chunks at the limit, without a word.
        raise RequestEntityTooLarge
    if environ.get("CONTENT_TYPE") != JSON:
        if (body or request.mimetype) and request.mimetype != JSON:
            _refuse_other_types(request)
        _refuse_other_charsets(request)
    try:
        document = exact_json.loads(body)
    except orjson.JSONDecodeError:
        return _parse_leniently(body)
    except RecursionError:
        raise Invalid(TOO_DEEP) from None
    members, _ = exact_json.survey(document)
    # Most often there is no other colon.
    if body.count(b":") != members and len(END_OF_NAME.findall(body)) != members:
        _refuse_repeated_members(body)
    return document


def _refuse_repeated_members(body: bytes) -> None:
    """Raise Invalid when an object names a member twice: which of both is meant would be a guess (RFC 8259)."""

    def check(members: list[tuple[str, Any]]) -> None:
        for name, times in Counter(name for name, _ in members).most_common(1):
            if times > 1:
                raise Invalid(f"An object in the body names {name[:100]} twice. Name each member once.")

    json.loads(body, object_pairs_hook=check)


def _refuse_other_charsets(request: Request) -> None:
    charset = request.mimetype_params.get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(f"JSON is UTF-8 (RFC 8259), not {charset[:50]}. Encode the body so.")


def _refuse_other_types(request: Request) -> None:
    media_type = request.mimetype
    if media_type == MERGE_PATCH and request.method == "PATCH":
        return
    names = f"not {media_type}" if media_type else "and the request names no type"
    if request.method == "PATCH":
        sentence = f"The body must be sent as Content-Type: {JSON} or {MERGE_PATCH}, {names}."
        raise UnsupportedMediaType(sentence, Accept_Patch=ACCEPT_PATCH)
    raise UnsupportedMediaType(f"The body must be sent as Content-Type: {JSON}, {names}.")


def _parse_leniently(body: bytes) -> Any:
    """What orjson refuses may still be JSON with a value that a field refuses with a better message."""
    if not body.strip():
        raise NotJson("The request has no body. Send a JSON object.")
    try:
        return json.loads(body.decode(), parse_int=exact_json.number, parse_float=exact_json.number)
    except RecursionError:
        raise Invalid(TOO_DEEP) from None
    except UnicodeDecodeError:
        raise NotJson("The body is not UTF-8 text, so it is not JSON.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise NotJson(f"The body is not JSON: {error.msg} at {where}.") from None
