"""What has arrived of a request: when it is whole, and where the next one starts."""

import pytest
from gunicorn.http.errors import LimitRequestHeaders

from app.incoming import MOST_BYTES_AROUND_CHUNKS, MOST_BYTES_OF_A_HEAD, BodyTooLarge, BrokenChunks, Incoming

MOST_BODY = 1000
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\n"


def post(*fields: bytes) -> bytes:
    return b"\r\n".join([b"POST / HTTP/1.1", b"Host: x", *fields, b"", b""])


CHUNKED = post(b"Transfer-Encoding: chunked")
WHOLE = [
    GET,
    b"\r\n" + GET,
    post(b"Content-Length: 5") + b"12345",
    post(b"CONTENT-length:5") + b"\r\n\r\n5",
    CHUNKED + b"5\r\n12345\r\n0\r\n\r\n",
    CHUNKED + b'5;name=value;other="a;b"\r\n0\r\n\r\n\r\nA\r\n0123456789\r\n000\r\n\r\n',
    post(b"transfer-encoding: gzip, Chunked") + b"0\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", WHOLE)
def test_a_request_is_whole_with_its_last_byte_and_not_before(request_bytes: bytes):
    incoming = Incoming(MOST_BODY)
    for at, byte in enumerate(request_bytes, start=1):
        incoming.add(bytes([byte]))
        assert incoming.is_whole() == (at == len(request_bytes))
    assert incoming.take() == request_bytes


@pytest.mark.parametrize("request_bytes", WHOLE)
def test_what_follows_a_request_is_the_next_one(request_bytes: bytes):
    incoming = Incoming(MOST_BODY)
    incoming.add(request_bytes + NEXT)
    assert incoming.is_whole()
    assert incoming.take() == request_bytes
    assert not incoming.is_whole()
    incoming.add(b"\r\n")
    assert incoming.is_whole()
    assert incoming.take() == NEXT + b"\r\n"


def test_trailers_are_waited_for_and_left_out():
    incoming = Incoming(MOST_BODY)
    body = CHUNKED + b"1\r\nx\r\n0\r\n"
    incoming.add(body + b"Content-Length: 7\r\n")
    assert not incoming.is_whole()
    incoming.add(b"\r\n" + GET)
    assert incoming.is_whole()
    assert incoming.take() == body + b"\r\n"
    assert incoming.is_whole()
    assert incoming.take() == GET


BOTH = (b"Transfer-Encoding: chunked", b"Content-Length: 5")


@pytest.mark.parametrize("head", [post(b"Content-Length: five"), post(*BOTH), post(*reversed(BOTH))])
def test_a_head_that_breaks_http_is_for_the_parser_to_refuse(head: bytes):
    incoming = Incoming(MOST_BODY)
    incoming.add(head)
    assert incoming.is_whole()
    assert incoming.take() == head


@pytest.mark.parametrize(
    "chunks",
    [
        b"-5\r\n",
        b"0x5\r\n\r\n",
        b"\r\n",
        b"5 \r\n12345\r\n0\r\n\r\n",
        b"5;\r\n12345\r\n0\r\n\r\n",
        b"5;a=\nb\r\n12345\r\n0\r\n\r\n",
        b"5\r\n12345\r\nnonsense\r\n",
        b"5\r\n12345XX0\r\n\r\n",
        b"x" * 10_000,
    ],
)
def test_a_body_that_is_not_made_of_chunks_is_refused_before_anybody_looks_for_the_next_request(chunks: bytes):
    incoming = Incoming(MOST_BODY)
    incoming.add(CHUNKED + chunks + GET)
    with pytest.raises(BrokenChunks):
        incoming.is_whole()


def test_a_body_that_is_announced_too_large_is_not_waited_for_and_ends_the_connection():
    incoming = Incoming(MOST_BODY)
    head = post(b"Content-Length: %d" % (MOST_BODY + 1))
    incoming.add(head + b"x")
    assert incoming.is_whole()
    assert incoming.cut
    assert incoming.take() == head


@pytest.mark.parametrize(
    "too_large",
    [
        CHUNKED + b"%x\r\n" % (MOST_BODY + 1),
        CHUNKED + b"3e8\r\n" + b"x" * 1000 + b"\r\n1\r\n",
        CHUNKED + b"1;" + b"x" * MOST_BYTES_AROUND_CHUNKS + b"\r\nx\r\n0\r\n\r\n",
    ],
)
def test_chunks_that_are_too_large_are_refused(too_large: bytes):
    incoming = Incoming(MOST_BODY)
    incoming.add(too_large)
    with pytest.raises(BodyTooLarge):
        incoming.is_whole()


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_a_head_that_is_too_large_is_refused(end: bytes):
    incoming = Incoming(MOST_BODY)
    incoming.add(b"GET / HTTP/1.1\r\nX: " + b"x" * MOST_BYTES_OF_A_HEAD + end)
    with pytest.raises(LimitRequestHeaders):
        incoming.is_whole()


def test_a_client_of_http_1_1_that_waits_for_it_is_to_be_told_to_go_on():
    for version, told in ((b"1.1", True), (b"1.0", False)):
        incoming = Incoming(MOST_BODY)
        head = b"POST / HTTP/%b\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n" % version
        incoming.add(head)
        assert not incoming.is_whole()
        assert incoming.expects_to_continue == told
        incoming.add(b"{}")
        assert incoming.is_whole()
        assert incoming.take() == head.replace(b"\r\nExpect: 100-continue", b"") + b"{}"
