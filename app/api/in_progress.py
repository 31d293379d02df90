"""How many requests one caller may have in progress in a worker, so that what waits for one caller stops no other."""

from collections import Counter
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from flask import Flask, request
from werkzeug.wsgi import ClosingIterator

from app.api.auth import KEY_IN_ENVIRONMENT
from app.api.problems import RequestError
from app.config import Settings

IS_TOO_MANY = "flux.too_many_in_progress"
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class TooManyRequests(RequestError):
    """The caller has as many requests in progress as it may have."""

    code = 429


def init_app(app: Flask, settings: Settings) -> None:
    """Refuse with 429 what a key asks while as many of its requests as it may have are in progress, to their last byte.

    Where requests need no key there is one caller, and nothing is counted.
    """
    most = settings.caller_max_in_progress
    if not most or settings.open:
        return
    app.wsgi_app = _counted(app.wsgi_app, most)  # type: ignore[method-assign, assignment]
    sentence = f"This key has {most} requests in progress here, as many as it may have. Wait until one is answered."

    @app.before_request
    def refuse_too_many() -> None:
        if IS_TOO_MANY in request.environ:
            raise TooManyRequests(sentence, Retry_After="1")


def _counted(application: Application, most: int) -> Application:
    counts: Counter[str] = Counter()
    lock = Lock()

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        key = environ.get(KEY_IN_ENVIRONMENT) or environ.get("HTTP_AUTHORIZATION")
        if not key:
            return application(environ, start_response)
        with lock:
            counts[key] += 1
            if counts[key] > most:
                environ[IS_TOO_MANY] = True

        def leave() -> None:
            with lock:
                counts[key] -= 1
                if not counts[key]:
                    del counts[key]

        try:
            return ClosingIterator(application(environ, start_response), leave)
        except BaseException:
            leave()
            raise

    return answer
