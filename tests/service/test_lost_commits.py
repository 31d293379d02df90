"""A COMMIT whose answer is lost: the caller is told that all was written or nothing, and how to find out which."""

import contextlib
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from conftest import run_alone, url_with
from flask import Flask
from flask.testing import FlaskClient
from psycopg2.extensions import parse_dsn

from app.config import Settings
from app.database import configure, database

USERS = "/api/v1/users"
ID = "0198f3c2-0000-7000-8000-00000000000a"
ADA = {"id": ID, "email": "ada@example.com"}
KEY = {"Idempotency-Key": "once"}
# A NoticeResponse, as every session gets it when another one's process was killed.
FIELDS = b"SWARNING\0VWARNING\0C57P02\0Mterminating connection because of crash of another server process\0\0"
CRASH = b"N" + struct.pack("!i", len(FIELDS) + 4) + FIELDS


class LosingProxy:
    """Passes all on to PostgreSQL and back, but ends a connection in the place of the answer to what holds `loses`."""

    def __init__(self, url: str, folder: str) -> None:
        self.server, self.folder = parse_dsn(url), folder
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{folder}/.s.PGSQL.5432")
        self.listener.listen()
        self.loses, self.is_away = b"", False
        self.clients: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def crash(self) -> None:
        """End every connection as PostgreSQL does when the process of one session was killed: with a warning."""
        for client in self.clients:
            with contextlib.suppress(OSError):
                client.sendall(CRASH)
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.is_away:
                client.close()
            else:
                self.clients.append(client)
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, self._connected() as server:
            committing = threading.Event()
            threading.Thread(target=self._answer, args=[server, client, committing], daemon=True).start()
            while asked := client.recv(65536):
                if self.loses and self.loses in asked:
                    committing.set()
                server.sendall(asked)

    def _connected(self) -> socket.socket:
        host, port = self.server["host"], self.server.get("port", "5432")
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _answer(self, server: socket.socket, client: socket.socket, committing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while answer := server.recv(65536):
                if committing.is_set():
                    client.shutdown(socket.SHUT_RDWR)
                client.sendall(answer)


@pytest.fixture
def proxy(settings: Settings) -> Iterator[LosingProxy]:
    with tempfile.TemporaryDirectory() as folder:
        started = LosingProxy(settings.database_url, folder)
        yield started
        started.listener.close()


@pytest.fixture
def losing_client(app: Flask, settings: Settings, proxy: LosingProxy) -> Iterator[FlaskClient]:
    """A client whose COMMITs are done, and whose database connection then breaks."""
    database.release()
    configure(replace(settings, database_url=url_with(settings.database_url, host=proxy.folder, port="5432")))
    client = app.test_client()
    assert client.get(USERS).json["total"] == 0
    proxy.loses = b"COMMIT"
    yield client
    database.release()
    configure(settings)
    run_alone(settings.database_url, "DELETE FROM users", "DELETE FROM idempotency_keys")


def test_a_write_whose_commit_was_not_answered_is_in_doubt_and_says_how_to_find_out(
    losing_client: FlaskClient, proxy: LosingProxy
):
    if not database.strict:
        # One statement is a transaction by itself, without COMMIT.
        proxy.loses = b"INSERT"
    answer = losing_client.post(USERS, json=ADA)
    assert (answer.status_code, answer.json["code"]) == (503, "urn:flux:problem:in-doubt")
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
    assert (answer.status_code, answer.json["code"]) == (503, "urn:flux:problem:in-doubt")
    assert answer.json["retryable"] is True
    proxy.is_away, proxy.loses = False, b""
    assert losing_client.post(USERS, json=ADA, headers=KEY).status_code == 201
    assert losing_client.get(USERS).json["total"] == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_connections_that_a_crash_ended_are_replaced(losing_client: FlaskClient, proxy: LosingProxy, method: str):
    proxy.loses = b""
    proxy.crash()
    answer = losing_client.open(USERS, method=method, json=ADA if method == "POST" else None)
    assert answer.status_code in (200, 201), answer.json


def test_a_write_of_one_statement_sends_no_begin_and_no_commit(losing_client: FlaskClient, proxy: LosingProxy):
    proxy.loses = b""
    answer = losing_client.post(USERS, json=ADA, headers={"X-Server-Timing": "1"})
    assert f"statements: {3 if database.strict else 1}" in answer.headers["Server-Timing"]
    assert losing_client.get(f"{USERS}/{ID}").status_code == 200
