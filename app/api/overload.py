"""Requests that found no thread in time: they are told so, in place of being served when their caller may be gone."""

from flask import Flask, request

from app.config import Settings
from app.errors import Busy
from app.telemetry.requests import WAITED_SECONDS


def init_app(app: Flask, settings: Settings) -> None:
    """Answer with 503 what waited for a thread longer than for a connection it may, before anything else is done."""
    longest = settings.database_pool_wait

    @app.before_request
    def refuse_who_waited_too_long() -> None:
        if request.environ.get(WAITED_SECONDS, 0.0) > longest:
            raise Busy(f"All threads of this worker stayed busy for {longest} s. Try again, or raise WEB_CONCURRENCY.")
