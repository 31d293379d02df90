"""Every answer that a test gets in process is held against the OpenAPI document."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.config import PROJECT

DOCUMENT: dict[str, Any] = json.loads((PROJECT / "openapi.json").read_text())
NDJSON = "application/x-ndjson"
PATHS = {
    re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))): operations
    # A path that is written out comes before one with an id in its place.
    for path, operations in sorted(DOCUMENT["paths"].items(), key=lambda item: "{" in item[0])
}


class DescribedClient(FlaskClient):
    """Flask's test client, which fails a test whose answer is not as the document says."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        answer = super().open(*args, **kwargs)
        check(answer)
        return answer


def check(answer: TestResponse) -> None:
    """Raise AssertionError unless the operation documents this answer: its status, its type, and what is in it."""
    operation = _operation(answer.request.method.lower(), answer.request.path)
    if operation is None:
        return
    described = _resolved(operation["responses"].get(str(answer.status_code)) or operation["responses"]["default"])
    if not described.get("content"):
        assert not answer.data
        return
    assert answer.mimetype in described["content"], f"{answer.mimetype} is not documented"
    validator = _validator(json.dumps(described["content"][answer.mimetype].get("schema", {})))
    if "Content-Length" in answer.headers:
        validator.validate(json.loads(answer.data))
    else:
        answer.response = CheckedStream(answer.response, validator, answer.mimetype == NDJSON)


class CheckedStream:
    """A body that is sent as it is read; it is held against the document when a test has read all of it."""

    def __init__(self, pieces: Any, validator: jsonschema_rs.Draft202012Validator, lines: bool) -> None:
        self._pieces = pieces
        self._validator = validator
        self._lines = lines

    def __iter__(self) -> Iterator[bytes]:
        read = []
        for piece in self._pieces:
            read.append(piece)
            yield piece
        whole = b"".join(read)
        for text in whole.splitlines() if self._lines else [whole]:
            self._validator.validate(json.loads(text))

    def close(self) -> None:
        if hasattr(self._pieces, "close"):
            self._pieces.close()


@cache
def _operation(method: str, path: str) -> dict[str, Any] | None:
    for form, operations in PATHS.items():
        if form.fullmatch(path.rstrip("/")) and method in operations:
            return operations[method]
    return None


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**json.loads(schema), "components": DOCUMENT["components"]})


def _resolved(answer: dict[str, Any]) -> dict[str, Any]:
    name = answer.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["responses"][name] if name else answer
