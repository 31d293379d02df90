"""Answers: bytes that are JSON already, with the headers that the contract gives them."""

from typing import Any

import orjson
from flask import Response

from app.repositories.rows import LongRows, Row, Rows

JSON = "application/json"
ETAG = {"ETag": {"description": 'The row\'s version, as in `"7"`.', "schema": {"type": "string"}}}
LOCATION = {"Location": {"description": "Where the new row is.", "schema": {"type": "string"}}}


def json_response(document: Any, status: int = 200) -> Response:
    """An answer of any plain values."""
    return Response(orjson.dumps(document), status, content_type=JSON)


def row_response(row: Row, status: int = 200, location: str | None = None) -> Response:
    """An answer of one row."""
    headers = {"Content-Type": JSON, "ETag": f'"{row.version}"'}
    if location:
        headers["Location"] = location
    return Response(row.json, status, headers)


def rows_response(rows: Rows) -> Response:
    """An answer of rows, as a plain array; very many are sent as they are read."""
    body = rows.pieces() if isinstance(rows, LongRows) else rows.json
    return Response(body, content_type=JSON)


def page_response(rows: Rows, total: int, skip: int, limit: int) -> Response:
    """An answer of one page of a list that has `total` rows."""
    counts = {
        "total": total,
        "page": skip // limit + 1,
        "page_size": limit,
        "has_next": skip + limit < total,
        "has_prev": skip > 0,
    }
    body = b'{"items":%b,%b' % (rows.json, orjson.dumps(counts)[1:])
    return Response(body, content_type=JSON)


def no_content() -> Response:
    """The answer to a deletion."""
    return Response(status=204)
