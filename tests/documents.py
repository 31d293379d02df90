"""The examples in the documents: requests as they are written there, sent, and compared with the answers shown."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

ANY = "…"


def send(client: FlaskClient, written: str, ids: Mapping[str, str]) -> TestResponse:
    """The answer to a request as a document writes it.

    The query goes on in indented lines, headers come after, and a body behind an empty line. `{name}` is an id.
    """
    head, _, body = with_ids(written, ids).strip().partition("\n\n")
    first, *rest = head.splitlines()
    target = first + "".join(line.strip() for line in rest if line.startswith(" "))
    headers = dict(line.split(": ", 1) for line in rest if not line.startswith(" "))
    method, path = target.split(" ", 1)
    if body:
        headers = {"Content-Type": "application/json", **headers}
    return client.open(path, method=method, headers=headers, data=body or None)


def with_ids(text: str, ids: Mapping[str, str]) -> str:
    """A text with the ids in the places of their names."""
    for name, value in ids.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def documents(text: str) -> Iterator[Any]:
    """The JSON documents of an answer: one, or one a line."""
    rest = text.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        yield document
        rest = rest[end:].lstrip()


def matches(shown: Any, answered: Any) -> bool:
    """Whether an answer is what is shown, where … stands for anything; as a name, for any other members."""
    if isinstance(shown, str) and shown.endswith(ANY):
        return not shown[:-1] or str(answered).startswith(shown[:-1])
    if isinstance(shown, dict) and isinstance(answered, dict):
        named = shown.keys() - {ANY}
        same_names = named <= answered.keys() if ANY in shown else named == answered.keys()
        return same_names and all(matches(shown[name], answered[name]) for name in named)
    if isinstance(shown, list) and isinstance(answered, list):
        return len(shown) == len(answered) and all(map(matches, shown, answered))
    return bool(shown == answered)
