"""Answers: bytes that are JSON already, with the headers that the contract gives them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import orjson
from flask import Response, current_app, request
from werkzeug.datastructures import Headers, MIMEAccept
from werkzeug.http import parse_accept_header
from werkzeug.wsgi import ClosingIterator

from app.api.blueprint import query_text
from app.api.documentation import PAGES_PATH
from app.api.headers import OF_ANSWERS, OF_PAGES, OF_ROWS
from app.api.parser import ACCEPT_PATCH, JSON, MERGE_PATCH
from app.query import cursors
from app.query.model import Query
from app.query.parser import pairs_of
from app.repositories.rows import LongRows, Row, Rows

Portion = TypeVar("Portion")

NDJSON = "application/x-ndjson"
# Of what a client accepts, what stands further behind is not looked at.
MAX_ACCEPT_LENGTH = 1000
# A list is one of two types.
BY_ACCEPT = {"Vary": "Accept"}
# Headers, by the names under which the OpenAPI document describes them.
ETAG, LINK, LOCATION = {"ETag": "ETag"}, {"Link": "Link"}, {"Location": "Location"}
UPSERTED, HINT = {"Upserted": "Upserted"}, {"Hint": "Hint"}
# Of a row as a write has left it; one description for POST and PATCH keeps the document short.
WRITTEN = ETAG | UPSERTED | HINT


class Answer(Response):
    """Flask's Response, with the headers that every answer carries."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """The headers for this request."""
        made = super().get_wsgi_headers(environ)
        if environ["PATH_INFO"].startswith(PAGES_PATH):
            made.extend(current_app.config[OF_PAGES])
            return made
        if environ["REQUEST_METHOD"] == "OPTIONS" and "PATCH" in self.allow:
            # What its PATCH takes (RFC 5789, section 3.1).
            made["Accept-Patch"] = ACCEPT_PATCH
        made.extend(OF_ROWS if "ETag" in made else OF_ANSWERS)
        return made


class JsonResponse(Answer):
    """An answer that is ready: its headers, of which none depends on the request, are sent as they are."""

    def get_wsgi_response(self, environ: dict[str, Any]) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """The body, the status and the headers."""
        own = self.headers.to_wsgi_list()
        more = OF_ROWS if "ETag" in dict(own) else OF_ANSWERS
        body = self.get_app_iter(environ) if environ["REQUEST_METHOD"] == "HEAD" else self
        return body, self.status, own + more

    def __iter__(self) -> Iterator[bytes]:
        return self.iter_encoded()


def json_response(document: Any, status: int = 200) -> Response:
    """An answer of any plain values."""
    return json_bytes(orjson.dumps(document), status)


def json_bytes(body: bytes, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """An answer of what is JSON already."""
    answer = JsonResponse([body], status, content_type=JSON)
    answer.headers.add("Content-Length", str(len(body)))
    for name, value in headers.items():
        answer.headers.add(name, value)
    return answer


def row_response(row: Row, query: Query, status: int = 200, location: str | None = None) -> Response:
    """An answer of one row. What is put into it from elsewhere changes without its version: then it has no ETag."""
    headers = {} if query.shape.expansions else {"ETag": f'"{row.version}"'}
    if location:
        headers["Location"] = location
    if row.dropped:
        headers |= hint_of(row.dropped)
    return json_bytes(row.json, status, headers)


def hint_of(dropped: Sequence[str]) -> dict[str, str]:
    """The header that tells which keys objects have lost by a change, in ASCII and short, as headers are."""
    if not dropped:
        return {}
    names = json.dumps([name[:50] for name in sorted(dropped)[:5]])
    return {"Hint": f"Objects were replaced whole, which dropped {names}. As {MERGE_PATCH} a PATCH keeps other keys."}


def rows_response(rows: Rows, query: Query) -> Response:
    """An answer of rows, as a plain array; very many are sent as they are read. When a limit cut it, a link goes on."""
    if isinstance(rows, LongRows):
        pieces = rows.pieces()
        return Response(_closing(_begun(pieces), pieces), headers=BY_ACCEPT, content_type=JSON)
    answer = json_bytes(rows.json, headers=BY_ACCEPT)
    if rows.last:
        answer.headers["Link"] = _link(cursors.encode(rows.last, query.fingerprint))
    return answer


def page_response(rows: Rows, total: int | None, query: Query) -> Response:
    """An answer of one page of a list that has `total` rows, if they were counted."""
    limit = query.limit or len(rows)
    cursor = cursors.encode(rows.last, query.fingerprint) if rows.last else None
    counts: dict[str, Any] = {
        "total": total,
        "page": None if query.after else query.skip // limit + 1,
        "page_size": limit,
        "has_next": cursor is not None,
        "has_prev": query.skip > 0 or query.after is not None,
        "next_cursor": cursor,
    }
    if query.counting == "estimated":
        counts["total_is_estimate"] = True
    answer = json_bytes(b'{"items":%b,%b' % (rows.json, orjson.dumps(counts)[1:]), headers=BY_ACCEPT)
    if cursor:
        answer.headers["Link"] = _link(cursor)
    return answer


def stream_response(portions: Iterator[list[bytes]]) -> Response:
    """An answer of rows as they are read, one a line (NDJSON)."""
    lines = (b"\n".join(portion) + b"\n" for portion in _begun(portions))
    return Response(_closing(lines, portions), headers=BY_ACCEPT, content_type=NDJSON)


def lines_response(pieces: Iterator[bytes]) -> Response:
    """An answer of lines as they are made (NDJSON)."""
    return Response(_closing(_begun(pieces), pieces), content_type=NDJSON)


def wants_stream() -> bool:
    """Whether the caller asked for NDJSON, and likes JSON no better (RFC 9110, section 12.5.1)."""
    # werkzeug takes as long as a text is long, times itself.
    accept = request.environ.get("HTTP_ACCEPT", "")[:MAX_ACCEPT_LENGTH]
    if NDJSON not in accept.lower():
        return False
    accepted = parse_accept_header(accept, MIMEAccept)
    return accepted[NDJSON] > 0 and accepted[NDJSON] >= accepted[JSON]


def _begun(portions: Iterator[Portion]) -> Iterator[Portion]:
    """All portions again, after reading the first: what is wrong is raised before the answer begins."""
    first = next(portions, None)
    return portions if first is None else chain([first], portions)


def _closing(pieces: Iterator[bytes], source: Any) -> ClosingIterator:
    """Pieces of an answer, whose source gives its database connection back when the reader has gone."""
    return ClosingIterator(pieces, source.close)


def _link(cursor: str) -> str:
    """The link to the next page (RFC 8288, section 3): the same request with this cursor."""
    parameters = pairs_of(query_text(request.environ))
    kept = [(name, value) for name, value in parameters if name not in ("cursor", "skip")]
    return f'<{quote(request.path)}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'


def not_modified(row: Row) -> Response:
    """The answer to a reader who has this version of the row."""
    return Response(status=304, headers={"ETag": f'"{row.version}"'})


def no_content() -> Response:
    """The answer to a deletion."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response
