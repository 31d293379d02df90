"""POST /batch: several operations of this API in one transaction, of which later ones may refer to earlier answers."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import current_app, g, request

from app.api.answers import JSON, Answer, Answered
from app.api.auth import CHECKS_ITSELF, PROTECTED, require_scope, required_scope, scope_of_operation
from app.api.blueprint import Blueprint
from app.api.preconditions import IF_MATCH, IF_NONE_MATCH
from app.api.references import MISSING, Answers
from app.api.transaction import KEY_IN_ENVIRONMENT, WITHIN_BATCH, transaction
from app.errors import ExpectationUnmet, Fault, Invalid
from app.schemas.batch import BatchAnswerSchema, BatchSchema

HEADERS = {"if-match": IF_MATCH, "if-none-match": IF_NONE_MATCH, "content-type": "CONTENT_TYPE"}
ANSWERED_HEADERS = ("ETag", "Location", "Link")
COUNTS = ("updated_count", "deleted_count", "created_count")
NOT_IN_A_BATCH = ("batch.run_batch", "users.export_user")
# What belongs to the request around the operations, and not to each of them.
LEFT_BEHIND = ("HTTP_ACCEPT", KEY_IN_ENVIRONMENT, IF_MATCH, IF_NONE_MATCH, "werkzeug.request")

blueprint = Blueprint("batch", "Several operations in one transaction.", "/batch")


@blueprint.route("", methods=["POST"])
@required_scope(CHECKS_ITSELF)
@blueprint.doc(operationId="run_batch")
@blueprint.arguments(BatchSchema, example=BatchSchema.example)
@blueprint.response(200, BatchAnswerSchema, example=BatchAnswerSchema.example)
@transaction
def run_batch(values: dict[str, Any]) -> Answer:
    """Do up to 100 operations in one transaction, all or none.

    The first that fails undoes everything, and the answer is its problem with the `operation`.
    """
    operations = values["operations"]
    _refuse_twins(operations)
    answers = Answers(current_app.config["MAX_CONTENT_LENGTH"])
    documents = []
    for index, operation in enumerate(operations):
        g.operation = {"index": index} | ({"name": operation["name"]} if "name" in operation else {})
        documents.append(_do(operation, answers))
    for name in ("operation", "asked"):
        g.pop(name, None)
    return Answer(orjson.dumps({"operations": documents}))


def _do(operation: Mapping[str, Any], answers: Answers) -> dict[str, Any]:
    """Do one operation, keep its answer for later ones, and give what the batch answers about it."""
    named = {"name": operation["name"]} if "name" in operation else {}
    condition = operation.get("skip_if_missing")
    if condition is not None and not answers.has(condition):
        if named:
            answers.add(operation["name"], MISSING)
        return named | {"skipped": True}
    response = _dispatch(_environment(operation, answers))
    body = response.get_data()
    _check_expectation(operation.get("expect", {}), request_method=operation["method"], body=body)
    if named:
        answers.add(operation["name"], orjson.loads(body) if body else None)
    headers = {name: response.headers[name] for name in ANSWERED_HEADERS if name in response.headers}
    return named | {
        "status": response.status_code,
        "headers": headers,
        "body": orjson.Fragment(body) if body else None,
    }


def _dispatch(environment: dict[str, Any]) -> Answered:
    """The answer of the view that the environment leads to; what it raises goes on."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with app.request_context(environment):
        # What a problem speaks of; its `instance` stays the batch.
        g.asked = (request.method, request.path)
        if request.routing_exception is not None:
            raise request.routing_exception
        assert request.endpoint
        require_scope(scope_of_operation())
        if request.endpoint in NOT_IN_A_BATCH:
            raise Invalid(f"{request.path} cannot stand in a batch.")
        response: Answered = app.view_functions[request.endpoint](**(request.view_args or {}))
        return response


def _environment(operation: Mapping[str, Any], answers: Answers) -> dict[str, Any]:
    """The WSGI environment of an operation: the batch's own with another method, path, query and body."""
    path, _, query = operation["path"].partition("?")
    if not path.startswith("/") or path.startswith(PROTECTED):
        _refuse("path", f"must start with / and lead on below {PROTECTED}, as /tasks does.")
    more = urlencode(_parameters(answers.resolve(operation.get("query", {}))))
    body = orjson.dumps(answers.resolve_body(operation["body"])) if "body" in operation else b""
    kept = {name: value for name, value in request.environ.items() if name not in LEFT_BEHIND}
    return kept | {
        WITHIN_BATCH: True,
        "REQUEST_METHOD": operation["method"],
        "PATH_INFO": (PROTECTED + path).encode().decode("latin-1"),
        "QUERY_STRING": "&".join(each for each in (query, more) if each),
        "CONTENT_TYPE": JSON if body else "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        **_headers(operation.get("headers", {})),
    }


def _headers(given: Mapping[str, Any]) -> dict[str, str]:
    headers = {}
    for name, value in given.items():
        if name.lower() not in HEADERS:
            _refuse("headers", f"may hold If-Match, If-None-Match and Content-Type, not {name[:100]}.")
        if not isinstance(value, str):
            _refuse("headers", f"has a value for {name} that is not a text.")
        headers[HEADERS[name.lower()]] = value
    return headers


def _parameters(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The parameters of a query object as a URL has them: a list is joined by commas, true and false are words."""
    return [(name, _text(name, value)) for name, value in query.items()]


def _text(name: str, value: Any) -> str:
    if isinstance(value, list) and not any(isinstance(each, list) for each in value):
        return ",".join(_in_a_list(_text(name, each)) for each in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    return _refuse("query", f"has a value for {name[:100]} that is no text, number, true, false or list of those.")


def _in_a_list(text: str) -> str:
    if not any(sign in text for sign in ',"'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _check_expectation(expected: Mapping[str, int], request_method: str, body: bytes) -> None:
    if not expected:
        return
    affected = _affected(orjson.loads(body) if body else None)
    least, most = expected.get("min_affected", 0), expected.get("max_affected", affected)
    if not least <= affected <= most:
        wanted = f"at least {least}" if affected < least else f"at most {most}"
        raise ExpectationUnmet(f"The {request_method} affected {affected} rows, and {wanted} were expected.")


def _affected(answer: Any) -> int:
    """How many rows an answer is about: those that it counts, those that it lists, or the one that it is."""
    if isinstance(answer, list):
        return len(answer)
    if not isinstance(answer, dict):
        return 1
    if any(name in answer for name in COUNTS):
        return sum(answer.get(name, 0) for name in COUNTS)
    return len(answer["items"]) if "next_cursor" in answer else 1


def _refuse_twins(operations: list[dict[str, Any]]) -> None:
    names = [operation["name"] for operation in operations if "name" in operation]
    for index, operation in enumerate(operations):
        name = operation.get("name")
        if name is not None and (names.count(name) > 1 or "." in name or name == "item"):
            sentence = f"The name {name} must be unique in the batch, without a dot, and not item."
            raise Invalid.from_faults([Fault(f"#/operations/{index}/name", sentence)])


def _refuse(field: str, fault: str) -> Any:
    sentence = f"{field} {fault}"
    raise Invalid.from_faults([Fault(f"#/operations/{g.operation['index']}/{field}", sentence)])
