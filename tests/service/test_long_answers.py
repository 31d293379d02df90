"""Arrays that are never cut: sent as they are read, from one snapshot, on a connection that comes back."""

import json
from contextlib import nullcontext

import pytest
from asking import NDJSON
from conftest import run_alone
from entities import conversation
from flask.testing import FlaskClient

from app.config import Settings
from app.database import atomic, database
from app.query.parser import ask
from app.repositories import messages
from app.repositories.rows import Rows

MANY = 2500
FILL = """
INSERT INTO messages (id, conversation_id, role, content, created_at)
    SELECT gen_random_uuid(), '{}', 'user', 'turn ' || i, now() + i * interval '1 second' FROM generate_series(1, {}) i
"""


def transcript(talk: str) -> Rows:
    """All messages of a conversation, oldest first."""
    return messages.find_all(ask("messages", {"conversation_id": talk, "sort": "created_at"}))


@pytest.fixture
def talk(committing_client: FlaskClient, settings: Settings) -> str:
    """A conversation with many messages."""
    made = conversation(committing_client)["id"]
    run_alone(settings.database_url, FILL.format(made, MANY))
    return made


def test_a_long_transcript_is_whole_and_in_its_order(committing_client: FlaskClient, talk: str):
    answer = committing_client.get(f"/api/v1/messages?conversation_id={talk}")
    assert answer.status_code == 200
    assert [message["content"] for message in answer.json] == [f"turn {turn}" for turn in range(1, MANY + 1)]
    assert "Content-Length" not in answer.headers
    assert database.is_closed()


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2000])
def test_no_number_of_rows_is_a_special_one(committing_client: FlaskClient, settings: Settings, count: int):
    made = conversation(committing_client)["id"]
    run_alone(settings.database_url, FILL.format(made, count))
    assert len(committing_client.get(f"/api/v1/messages?conversation_id={made}").json) == count


def test_what_is_written_meanwhile_is_not_in_the_snapshot(settings: Settings, talk: str):
    pieces = transcript(talk).pieces()
    first = next(pieces)
    run_alone(settings.database_url, f"DELETE FROM messages WHERE conversation_id = '{talk}'")
    assert (first + b"".join(pieces)).count(b'"content"') == MANY


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("closed_early", [False, True])
def test_two_streams_of_one_thread_are_both_whole_whichever_ends_first(talk: str, inside: bool, closed_early: bool):
    with atomic() if inside else nullcontext():
        one, two = (transcript(talk).pieces() for _ in range(2))
        read = [next(one), next(two)]
        if closed_early:
            one.close()
        else:
            assert (read[0] + b"".join(one)).count(b'"content"') == MANY
        three = transcript(talk).pieces()
        read.append(next(three))
        assert (read[1] + b"".join(two)).count(b'"content"') == MANY
        assert (read[2] + b"".join(three)).count(b'"content"') == MANY
        assert database.in_transaction() == inside
    database.release()
    assert database.is_closed()


def test_a_reader_who_goes_away_frees_the_connection_at_once(talk: str):
    pieces = transcript(talk).pieces()
    next(pieces)
    assert database.in_transaction()
    pieces.close()
    assert database.is_closed()


def test_a_stream_is_whole_and_from_one_snapshot(committing_client: FlaskClient, settings: Settings, talk: str):
    answer = committing_client.get(f"/api/v1/messages?conversation_id={talk}", headers=NDJSON)
    lines = iter(answer.iter_encoded())
    begun = next(lines)
    run_alone(settings.database_url, FILL.format(talk, 10))
    run_alone(settings.database_url, f"DELETE FROM messages WHERE content = 'turn {MANY}'")
    received = (begun + b"".join(lines)).splitlines()
    answer.close()
    assert [json.loads(line)["content"] for line in received] == [f"turn {turn}" for turn in range(1, MANY + 1)]
    assert database.is_closed()


def test_a_stream_holds_a_thousand_rows_at_a_time(committing_client: FlaskClient, talk: str):
    answer = committing_client.get(f"/api/v1/messages?conversation_id={talk}", headers=NDJSON)
    assert [piece.count(b"\n") for piece in answer.iter_encoded()] == [16, 1000, 1000, 484]
    assert "Content-Length" not in answer.headers
    answer.close()


def test_a_reader_who_goes_away_from_a_stream_or_only_asks_for_its_head_frees_the_connection(
    committing_client: FlaskClient, talk: str
):
    path = f"/api/v1/messages?conversation_id={talk}"
    answer = committing_client.get(path, headers=NDJSON)
    next(iter(answer.iter_encoded()))
    assert database.in_transaction()
    answer.close()
    assert database.is_closed()
    committing_client.head(path, headers=NDJSON).close()
    assert database.is_closed()


def test_a_stream_may_follow_another_in_one_transaction(talk: str):
    with atomic():
        for _ in range(2):
            assert sum(map(len, messages.stream(ask("messages", {"conversation_id": talk})))) == MANY
    database.release()


def test_in_process_a_long_transcript_is_a_sequence_like_any_other(talk: str):
    rows = transcript(talk)
    assert (len(rows), rows[-1]["content"]) == (MANY, f"turn {MANY}")
    database.release()
