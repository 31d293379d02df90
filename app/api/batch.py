"""POST /batch: several operations of this API in one transaction, of which later ones may refer to earlier answers."""

import socket
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode

import orjson
import werkzeug
from flask import Flask, Response, abort, current_app, g, request
from werkzeug.exceptions import ClientDisconnected

from app import exact_json
from app.api.auth import CHECKS_ITSELF, PROTECTED, required_scope
from app.api.blueprint import Blueprint
from app.api.parser import JSON
from app.api.preconditions import IF_MATCH, IF_NONE_MATCH
from app.api.references import Answers, Path, source, text_of
from app.api.responses import json_response
from app.api.transaction import KEY_IN_ENVIRONMENT, OPERATION, WITHIN_BATCH, Operation, refuse_in_batch, transaction
from app.errors import AnswerTooLarge, ExpectationUnmet, Fault, Invalid, ServiceError
from app.query.model import ELEMENTS, LISTED
from app.schemas.batch import BatchAnswerSchema, BatchSchema
from app.schemas.faults import BODY, QUERY, path_of, pointer

HEADERS = {"if-match": IF_MATCH, "if-none-match": IF_NONE_MATCH, "content-type": "CONTENT_TYPE"}
ANSWERED_HEADERS = ("ETag", "Location", "Link", "Upserted", "Hint")
COUNTS = ("updated_count", "deleted_count", "created_count", "count")
# When an operation is skipped: by whether the reference leads anywhere.
SKIPPED_IF = {"skip_if_missing": False, "skip_if_present": True}
# What takes an empty list, which stands in brackets in a URL: a plain one is a value that was forgotten.
# What belongs to the request around the operations, and not to each of them.
NOT_INHERITED = ("HTTP_ACCEPT", KEY_IN_ENVIRONMENT, IF_MATCH, IF_NONE_MATCH, OPERATION, "werkzeug.request")

blueprint = Blueprint("batch", "Several operations in one transaction.", "/batch")


@blueprint.route("", methods=["POST"])
@required_scope(CHECKS_ITSELF)
@blueprint.arguments(BatchSchema, example=BatchSchema.example)
@blueprint.response(200, BatchAnswerSchema, example=BatchAnswerSchema.example)
@transaction
def run_batch(values: dict[str, Any]) -> Response:
    """Do up to 100 operations in one transaction, all or none.

    The first that fails undoes everything, and the answer is its problem with the `operation`.
    """
    refuse_in_batch()
    operations = values["operations"]
    _refuse_duplicates(operations)
    answers = Answers(current_app.config["MAX_CONTENT_LENGTH"])
    budget, documents = AnswerBudget(current_app.config["SETTINGS"].max_answer_bytes), []
    for index, operation in enumerate(operations):
        if _client_has_gone():
            raise ClientDisconnected("The client closed its connection, so nothing of the batch was done.")
        documents.append(_do(index, operation, answers, budget))
    del request.environ[OPERATION]
    return json_response({"operations": documents})


class AnswerBudget:
    """How many bytes the operations' answers may have together; they are read only as far as that."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = self._left = max_bytes

    def read(self, response: werkzeug.Response) -> bytes:
        """The body of an answer; raises AnswerTooLarge."""
        pieces = []
        try:
            for piece in response.iter_encoded():
                self._left -= len(piece)
                if self._left < 0:
                    raise AnswerTooLarge(self._max_bytes)
                pieces.append(piece)
        finally:
            response.close()
        return b"".join(pieces)


def _client_has_gone() -> bool:
    """Whether the other end has closed the connection, as far as gunicorn lets us see it."""
    connection = request.environ.get("gunicorn.socket")
    if connection is None:
        return False
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _do(index: int, spec: Mapping[str, Any], answers: Answers, budget: AnswerBudget) -> dict[str, Any]:
    """Do one operation, keep its answer for later ones, and give what the batch answers about it."""
    name, method, path = spec.get("name"), spec["method"], spec["path"]
    operation = Operation(index, name, method, PROTECTED + path.partition("?")[0], g.get("caller"))
    request.environ[OPERATION] = operation
    named = {} if name is None else {"name": name}
    if _is_skipped(index, spec, answers):
        if name is not None:
            answers.add(name, None)
        return named | {"skipped": True}
    response = _dispatch(operation, spec, _environment(operation, spec, answers))
    body = budget.read(response)
    _check_expectation(spec.get("expect", {}), method, body)
    if name is not None:
        answers.add(name, body)
    headers = {name: response.headers[name] for name in ANSWERED_HEADERS if name in response.headers}
    return named | {
        "status": response.status_code,
        "headers": headers,
        "body": orjson.Fragment(body) if body else None,
    }


def _is_skipped(index: int, spec: Mapping[str, Any], answers: Answers) -> bool:
    return any(
        answers.has(spec[condition], _path(index, condition)) is present
        for condition, present in SKIPPED_IF.items()
        if condition in spec
    )


def _dispatch(operation: Operation, spec: Mapping[str, Any], environment: dict[str, Any]) -> werkzeug.Response:
    """The answer to an operation, which goes the way of any request, hooks and all; what it raises goes on."""
    # Without the middleware around the app, which measures, logs and dresses what leaves the service.
    response = werkzeug.Response.from_app(partial(Flask.wsgi_app, current_app), environment)
    if operation.error:
        if isinstance(operation.error, ServiceError):
            operation.error.faults = tuple(_in_batch(fault, operation.index, spec) for fault in operation.error.faults)
        raise operation.error
    if response.status_code >= 400:
        # Some handler has made an answer of an error. It undoes the batch all the same.
        abort(response)
    return response


def _in_batch(fault: Fault, index: int, spec: Mapping[str, Any]) -> Fault:
    """The fault of an operation with a pointer into the batch: to what of it has become the wrong value."""
    if fault.pointer.startswith(QUERY):
        name = fault.pointer.removeprefix(QUERY)
        path = ["query", name] if name in spec.get("query", {}) else ["path"]
    else:
        steps = path_of(fault.pointer.removeprefix(BODY)) if fault.pointer.startswith(BODY) else []
        path = ["body", *source(spec.get("body"), steps)]
    return Fault(BODY + pointer(_path(index, *path)), fault.detail)


def _path(index: int, *path: str) -> Path:
    return ("operations", index, *path)


def _environment(operation: Operation, spec: Mapping[str, Any], answers: Answers) -> dict[str, Any]:
    """The WSGI environment of an operation: the batch's own with another method, path, query and body."""
    path, _, query = spec["path"].partition("?")
    if not path.startswith("/") or path.startswith(PROTECTED):
        _refuse("path", f"must start with / and lead on below {PROTECTED}, as /tasks does.")
    more = urlencode(_parameters(answers.resolve(spec.get("query", {}), _path(operation.index, "query"))))
    body = exact_json.dumps(answers.resolve(spec["body"], _path(operation.index, "body"))) if "body" in spec else b""
    kept = {name: value for name, value in request.environ.items() if name not in NOT_INHERITED}
    return kept | {
        WITHIN_BATCH: operation,
        "REQUEST_METHOD": operation.method,
        # WSGI has bytes in the shape of latin-1 texts (PEP 3333), and the path without its escapes.
        "PATH_INFO": unquote_to_bytes(operation.path).decode("latin-1"),
        "QUERY_STRING": "&".join(each for each in (query, more) if each).encode().decode("latin-1"),
        "CONTENT_TYPE": JSON if body else "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        **_headers(spec.get("headers", {})),
    }


def _headers(spec: Mapping[str, Any]) -> dict[str, str]:
    headers = {}
    for name, value in spec.items():
        if name.lower() not in HEADERS:
            _refuse("headers", f"may hold If-Match, If-None-Match and Content-Type, not {name[:100]}.")
        if not isinstance(value, str):
            _refuse("headers", f"has a value for {name} that is not a text.")
        headers[HEADERS[name.lower()]] = value
    return headers


def _parameters(query: Any) -> list[tuple[str, str]]:
    """The parameters of a query object as a URL has them: a list is joined by commas, or given one by one."""
    if not isinstance(query, dict):
        _refuse("query", "must be an object of parameters.")
    return [pair for name, value in query.items() for pair in _pairs(name, value)]


def _pairs(name: str, value: Any) -> list[tuple[str, str]]:
    values = value if isinstance(value, list) else [value]
    if any(isinstance(each, list | dict | None) for each in values):
        _refuse("query", f"has a value for {name[:100]} that is no text, number, true, false or list of those.")
    texts = [text_of(each) for each in values]
    operator = name.rpartition("__")[2].removesuffix("_or_null")
    if not isinstance(value, list) or (texts and operator in ELEMENTS):
        return [(name, text) for text in texts]
    if texts:
        return [(name, ",".join(map(_in_a_list, texts)))]
    if operator not in LISTED:
        _refuse("query", f"has an empty list for {name[:100]}. Give it an element, or leave it out.")
    return [("or", f"({name}:())")]


def _in_a_list(text: str) -> str:
    if text and not any(sign in text for sign in ',"'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _check_expectation(expected: Mapping[str, int], method: str, body: bytes) -> None:
    if not expected:
        return
    affected = _affected(orjson.loads(body) if body else None)
    minimum, maximum = expected.get("min_affected", 0), expected.get("max_affected", affected)
    if not minimum <= affected <= maximum:
        allowed = f"at least {minimum}" if affected < minimum else f"at most {maximum}"
        raise ExpectationUnmet(f"The {method} affected {affected} rows, and {allowed} were expected.")


def _affected(answer: Any) -> int:
    """How many rows an answer is about: those that it counts, those that it lists, or the one that it is."""
    if isinstance(answer, list):
        return len(answer)
    if not isinstance(answer, dict):
        return 1
    if any(name in answer for name in COUNTS):
        return sum(answer.get(name, 0) for name in COUNTS)
    return len(answer["items"]) if "next_cursor" in answer else 1


def _refuse_duplicates(operations: list[dict[str, Any]]) -> None:
    names = [operation["name"] for operation in operations if "name" in operation]
    for index, operation in enumerate(operations):
        name = operation.get("name")
        if name is not None and (names.count(name) > 1 or "." in name or name == "item"):
            sentence = f"The name {name} must be unique in the batch, without a dot, and not item."
            raise Invalid.from_faults([Fault(f"#/operations/{index}/name", sentence)])


def _refuse(field: str, fault: str) -> Any:
    sentence = f"{field} {fault}"
    raise Invalid.from_faults([Fault(f"#/operations/{request.environ[OPERATION].index}/{field}", sentence)])
