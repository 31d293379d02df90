"""The database: one bounded pool, transactions, what its errors mean, and the embedded server."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from app.config import Settings, load_settings
from app.database.connection import database
from app.database.replica import eventual_reads, replica
from app.database.transactions import atomic, repeated
from app.development.embedded import EmbeddedError, EmbeddedServer

__all__ = [
    "EmbeddedError", "atomic", "configure", "database", "embedded_server", "eventual_reads", "init_app",
    "open_database", "repeated",
]  # fmt: skip


def init_app(app: Flask, settings: Settings) -> None:
    """Use the settings' database, and give each request its time, and its connection back at its end."""
    configure(settings)
    app.before_request(database.begin_request)
    app.teardown_request(database.release)


def embedded_server(settings: Settings) -> EmbeddedServer | None:
    """The server that this project runs itself, when the settings name no other."""
    return EmbeddedServer(settings.embedded_data_dir) if settings.embedded else None


def configure(settings: Settings) -> None:
    """Point the pools at the settings' database and replica, without connecting or starting anything."""
    server = embedded_server(settings)
    database.configure(settings, server.url if server else settings.database_url)
    replica.configure(settings)


@contextmanager
def open_database(settings: Settings | None = None) -> Iterator[None]:
    """Use the repositories inside the block, without HTTP; the settings are read from the environment by default."""
    settings = settings or load_settings()
    server = embedded_server(settings)
    configure(settings)
    try:
        if server:
            server.start()
        yield
    finally:
        database.release()
        database.close_idle()
        replica.close()
        if server:
            server.stop()
