"""What has arrived of a request (RFC 9112): where it ends, and whether it is whole, so that no thread waits for it."""

import re

from gunicorn.http.body import CHUNK_EXT_RE
from gunicorn.http.errors import LimitRequestHeaders, ParseException

MOST_BYTES_OF_A_HEAD = 96 * 1024
# The sizes of the chunks and the trailers; chunks of one byte each bring six more.
MOST_BYTES_AROUND_CHUNKS = 1024 * 1024
MOST_BYTES_OF_A_SIZE = 8 * 1024
FIELDS = re.compile(rb"\r\n(Content-Length|Transfer-Encoding|Expect):[ \t]*([^\r\n]*)", re.IGNORECASE)
EXPECTS_TO_CONTINUE = re.compile(rb"\r\nExpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
# As the parser reads it: were there two opinions about where a chunk ends, there would be two about the next request.
SIZE_OF_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:" + CHUNK_EXT_RE.pattern + rb")\r\n")
END_OF_TRAILERS = re.compile(rb"(?:[^\r\n]+\r\n)*\r\n")


class BodyTooLarge(ParseException):
    """More has come than one body may hold."""


class BrokenChunks(ParseException):
    """What should be a body in chunks is none."""

    def __init__(self) -> None:
        super().__init__("its body is not made of chunks, as Transfer-Encoding says")


class Incoming:
    """The bytes of a connection that no thread has seen yet. `most_body` is what a body may have, in bytes."""

    def __init__(self, most_body: int) -> None:
        self.most_body = most_body
        self.data = bytearray()
        # Whether a body was announced that is too large to be waited for: what follows the head is not a request.
        self.cut = False
        self._start_over()

    def _start_over(self) -> None:
        self.end_of_head = 0
        # How far the request is known to reach; in a body of chunks, where the size of the next one stands.
        self.end = 0
        self.chunked = False
        self.has_length = False
        # Where the trailers of a body in chunks begin.
        self.trailers = 0
        self.body = 0
        self.expects = False
        self.expects_to_continue = False

    def add(self, piece: bytes) -> None:
        """Take what has come."""
        self.data += piece

    def is_whole(self) -> bool:
        """Whether all of the next request is here. Raises a ParseException when it grows beyond its limits.

        One whose head breaks the rules of HTTP counts as whole: the parser will say what is wrong with it.
        """
        if not self.end_of_head and not self._find_head():
            return False
        if self.chunked and not self.has_length:
            return self._find_last_chunk()
        return len(self.data) >= self.end

    def take(self) -> bytes:
        """The request, which is whole; what came after it stays."""
        request = bytes(self.data[: self.end])
        if self.trailers:
            # Nobody here has a use for them, and they may be left out (section 7.1.2).
            request = request[: self.trailers] + b"\r\n"
        if self.expects:
            # What a client expects before it sends the body has no meaning any more.
            request = EXPECTS_TO_CONTINUE.sub(b"", request[: self.end_of_head]) + request[self.end_of_head :]
        del self.data[: self.end]
        self._start_over()
        return request

    def _find_head(self) -> bool:
        # One empty line before a request is to be ignored (section 2.2).
        at = self.data.find(b"\r\n\r\n", 1)
        if (len(self.data) if at < 0 else at) > MOST_BYTES_OF_A_HEAD:
            raise LimitRequestHeaders(f"its head has more than {MOST_BYTES_OF_A_HEAD} bytes")
        if at < 0:
            return False
        self.end = self.end_of_head = at + 4
        for name, value in FIELDS.findall(self.data, 0, at + 2):
            self._heed(name.lower(), value.strip().lower())
        if self.chunked and self.has_length:
            # The parser refuses this, since the two may have been meant for two readers (section 6.3).
            self.end = self.end_of_head
        return True

    def _heed(self, name: bytes, value: bytes) -> None:
        if name == b"transfer-encoding":
            self.chunked = value.endswith(b"chunked")
        elif name == b"expect":
            self.expects = True
            # A client of HTTP/1.0 knows no interim answers (RFC 9110, section 10.1.1).
            self.expects_to_continue = value == b"100-continue" and b" HTTP/1.1\r\n" in self.data[: self.end_of_head]
        else:
            self.has_length = True
            if value.isdigit():
                self.cut = len(value) > len(str(self.most_body)) or int(value) > self.most_body
                self.end = self.end_of_head + (0 if self.cut else int(value))

    def _find_last_chunk(self) -> bool:
        """Walk from chunk to chunk (section 7.1), as far as they have come."""
        while self.end < len(self.data):
            if self.body and self.data[self.end - 2 : self.end] != b"\r\n":
                raise BrokenChunks
            found = SIZE_OF_CHUNK.match(self.data, self.end)
            if not found:
                return self._wait_for_line()
            size = int(found[1], 16)
            if not size:
                return self._ends_at(found.end())
            self.body += size
            self.end = found.end() + size + len(b"\r\n")
            around = self.end - self.end_of_head - self.body
            if self.body > self.most_body or around > MOST_BYTES_AROUND_CHUNKS:
                raise BodyTooLarge(f"its body has more than {self.most_body} bytes")
        return False

    def _ends_at(self, trailers: int) -> bool:
        """Whether the trailers, which start there, have come."""
        found = END_OF_TRAILERS.match(self.data, trailers)
        if not found:
            return self._wait_for_line()
        self.trailers, self.end = trailers, found.end()
        return True

    def _wait_for_line(self) -> bool:
        """False, since more must come; raises BrokenChunks when that could not mend what stands there."""
        rest = self.data[self.end :]
        if len(rest) > MOST_BYTES_OF_A_SIZE or (b"\r\n" in rest and not SIZE_OF_CHUNK.match(rest)):
            raise BrokenChunks
        return False
