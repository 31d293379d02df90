"""A COMMIT whose answer is lost: the caller is told that all was written or nothing, and how to find out which."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from conftest import run_alone
from flask import Flask
from flask.testing import FlaskClient
from psycopg2.extensions import parse_dsn

from app.config import Settings
from app.database import database
from app.database.session import configure

USERS = "/api/v1/users"
ID = "0198f3c2-0000-7000-8000-00000000000a"
ADA = {"id": ID, "email": "ada@example.com"}
KEY = {"Idempotency-Key": "once"}


class LosingProxy:
    """Passes everything on to PostgreSQL and back, but ends a connection in the place of the answer to a COMMIT."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.loses = self.is_away = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.is_away:
                client.close()
            else:
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self.address)
            committing = threading.Event()
            threading.Thread(target=self._answer, args=[server, client, committing], daemon=True).start()
            while asked := client.recv(65536):
                if self.loses and b"COMMIT" in asked:
                    committing.set()
                server.sendall(asked)

    def _answer(self, server: socket.socket, client: socket.socket, committing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while answer := server.recv(65536):
                if committing.is_set():
                    client.shutdown(socket.SHUT_RDWR)
                client.sendall(answer)


@pytest.fixture
def proxy(settings: Settings) -> Iterator[LosingProxy]:
    started = LosingProxy(f"{parse_dsn(settings.database_url)['host']}/.s.PGSQL.5432")
    yield started
    started.listener.close()


@pytest.fixture
def losing_client(app: Flask, settings: Settings, proxy: LosingProxy) -> Iterator[FlaskClient]:
    """A client whose COMMITs are done, and whose database connection then breaks."""
    given = parse_dsn(settings.database_url)
    url = f"postgresql://{given['user']}@127.0.0.1:{proxy.port}/{given['dbname']}?sslmode=disable&gssencmode=disable"
    database.release()
    configure(replace(settings, database_url=url))
    client = app.test_client()
    assert client.get(USERS).json["total"] == 0
    proxy.loses = True
    yield client
    database.release()
    configure(settings)
    run_alone(settings.database_url, "DELETE FROM users", "DELETE FROM idempotency_keys")


def test_a_write_whose_commit_was_not_answered_is_in_doubt_and_says_how_to_find_out(losing_client: FlaskClient):
    answer = losing_client.post(USERS, json=ADA)
    assert (answer.status_code, answer.json["type"]) == (503, "urn:flux:problem:in-doubt")
    assert "all of it was written or nothing" in answer.json["detail"]
    assert "by its id" in answer.json["detail"]
    assert answer.json["retryable"] is False, "without a key, a repeat might write it twice"
    assert losing_client.get(f"{USERS}/{ID}").status_code == 200, "here it was written"


def test_with_a_key_the_service_finds_out_by_itself_when_the_database_is_back(losing_client: FlaskClient):
    answer = losing_client.post(USERS, json=ADA, headers=KEY)
    assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (201, "true")
    assert losing_client.get(USERS).json["total"] == 1


def test_with_a_key_it_may_be_repeated_until_the_database_is_back(losing_client: FlaskClient, proxy: LosingProxy):
    proxy.is_away = True
    answer = losing_client.post(USERS, json=ADA, headers=KEY)
    assert (answer.status_code, answer.json["type"]) == (503, "urn:flux:problem:in-doubt")
    assert answer.json["retryable"] is True
    proxy.is_away = proxy.loses = False
    assert losing_client.post(USERS, json=ADA, headers=KEY).status_code == 201
    assert losing_client.get(USERS).json["total"] == 1
