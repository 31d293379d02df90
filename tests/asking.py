"""How tests ask: the rows of a list, whether it answers a page or a plain array, and pages one after the other."""

import json
from collections.abc import Iterator
from typing import Any

from entities import Entity
from flask.testing import FlaskClient

NDJSON = {"Accept": "application/x-ndjson"}
Row = dict[str, Any]


def ask(client: FlaskClient, path: str, query: Any = "") -> Any:
    """What a GET answers when all is well."""
    answer = client.get(f"/api/v1{path}", query_string=query)
    assert answer.status_code == 200, answer.json
    return answer.json


def rows(client: FlaskClient, path: str, query: Any = "") -> list[Row]:
    """The rows of a page or of a plain array."""
    found = ask(client, path, query)
    return found if isinstance(found, list) else found["items"]


def ids(client: FlaskClient, path: str, query: Any = "") -> set[str]:
    return {row["id"] for row in rows(client, path, query)}


def titles(client: FlaskClient, path: str, query: Any = "") -> list[str]:
    return [row["title"] for row in rows(client, path, query)]


def list_of(client: FlaskClient, entity: Entity, row: Row, **query: Any) -> list[Row]:
    """The rows of the list in which this row stands; a transcript is asked for by its conversation."""
    if not entity.listed and "conversation_id" not in query:
        query["conversation_id"] = row["conversation_id"]
    return rows(client, f"/{entity.name}", query)


def refusal(client: FlaskClient, path: str, query: Any = "", **options: Any) -> Row:
    """The problem that a GET with a wrong query is answered with."""
    answer = client.get(f"/api/v1{path}", query_string=query, **options)
    assert answer.status_code == 422, (answer.status_code, path, query)
    assert answer.json["code"] == "urn:flux:problem:invalid-value"
    return answer.json


def pages(client: FlaskClient, path: str, query: dict[str, Any]) -> Iterator[list[Row]]:
    """The pages of a list, each by the cursor of the one before."""
    cursor: dict[str, str] = {}
    seen: set[str] = set()
    while True:
        page = ask(client, path, query | cursor)
        yield page["items"]
        if page["next_cursor"] is None:
            return
        assert page["next_cursor"] not in seen, "the walk goes round in a circle"
        seen.add(page["next_cursor"])
        cursor = {"cursor": page["next_cursor"]}


def streamed(client: FlaskClient, path: str, query: Any = "") -> list[Row]:
    """The rows of a stream."""
    answer = client.get(f"/api/v1{path}", query_string=query, headers=NDJSON)
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]
