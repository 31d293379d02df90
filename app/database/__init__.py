"""The database: one bounded pool, transactions, what its errors mean, and the embedded server."""

from flask import Flask

from app.config import Settings
from app.database.connection import database
from app.database.replica import eventual_reads
from app.database.session import configure, embedded_server, open_database
from app.database.transactions import atomic, repeated
from app.development.embedded import EmbeddedError

__all__ = [
    "EmbeddedError", "atomic", "configure", "database", "embedded_server", "eventual_reads", "init_app",
    "open_database", "repeated",
]  # fmt: skip


def init_app(app: Flask, settings: Settings) -> None:
    """Use the settings' database, and give each request its time, and its connection back at its end."""
    configure(settings)
    app.before_request(database.begin_request)
    app.teardown_request(database.release)
