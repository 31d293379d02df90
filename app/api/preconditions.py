"""Conditions in headers (RFC 9110, section 13): which version a write is meant for, which one a reader has."""

import re
from typing import NoReturn

from flask import request

from app.errors import Invalid
from app.query.model import Query
from app.repositories.rows import Row

# What WSGI calls the headers.
IF_MATCH, IF_NONE_MATCH = "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"
HEADERS = {IF_MATCH: "If-Match", IF_NONE_MATCH: "If-None-Match"}
ENTITY_TAG = re.compile(r'(W/)?"([^"]*)"')
ENTITY_TAGS = re.compile(r'\s*(W/)?"[^"]*"(\s*,\s*(W/)?"[^"]*")*\s*')


def versions_to_match() -> tuple[int, ...] | None:
    """The versions that If-Match names; None when it names none, or any. Raises Invalid.

    A weak tag never matches (RFC 9110, section 8.8.3.2), nor does one that is no version of ours.
    """
    tags = _tags(IF_MATCH)
    if tags is None:
        return None
    return tuple(int(tag) for weak, tag in tags if not weak and re.fullmatch("[1-9][0-9]{0,8}", tag))


def refuse_if_match() -> NoReturn:
    """Raise Invalid for an If-Match at a write that looks at no version: it would be passed over in silence."""
    raise Invalid("If-Match is for PATCH and DELETE of one row; this request looks at no version. Leave it out.")


def reader_has(row: Row, query: Query) -> bool:
    """Whether If-None-Match, which the request has, names the row's version, so that it need not be sent again.

    What is put into a row from elsewhere changes without its version: such an answer is always sent.
    """
    tags = _tags(IF_NONE_MATCH)
    return not query.shape.expansions and (tags is None or str(row.version) in [tag for _, tag in tags])


def _tags(in_environment: str) -> list[tuple[str, str]] | None:
    """The entity tags of a header, each with whether it is weak; None for `*` or no header."""
    header_value = request.environ.get(in_environment)
    if header_value is None or header_value.strip() == "*":
        return None
    if not ENTITY_TAGS.fullmatch(header_value):
        header = HEADERS[in_environment]
        raise Invalid(f'{header} must be * or versions in double quotes, as ETag has them: {header}: "7".')
    return ENTITY_TAG.findall(header_value)
