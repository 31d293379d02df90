"""The headers that pass without a look are those that gunicorn would have let pass as they are."""

from types import SimpleNamespace

import pytest
from gunicorn.http import errors, wsgi

from app.server import USUAL_HEADERS, Response

GUNICORNS_OWN = Response.__bases__[0]
GIVEN = [
    ("Content-Type", "application/json"),
    ("Content-Length", "2"),
    *sorted(USUAL_HEADERS),
    ("Connection", "close"),
    ("X-Request-Id", " 1 "),
]


def sent(kind, headers):
    response = kind(SimpleNamespace(method="GET", version=(1, 1)), None, SimpleNamespace(protocol="http"))
    response.start_response("200 OK", headers)
    return response.headers, response.response_length


def test_the_worker_sends_its_answers_by_it():
    assert wsgi.Response is Response


def test_what_is_sent_is_the_same_and_in_the_same_order():
    assert sent(Response, GIVEN) == sent(GUNICORNS_OWN, GIVEN)


@pytest.mark.parametrize("header", [("X-A\r\nSet-Cookie", "a"), ("Content-Type", "application/json\r\n")])
def test_what_is_not_usual_is_looked_at(header):
    with pytest.raises((errors.InvalidResponseHeaderName, errors.InvalidResponseHeader)):
        sent(Response, [header])
