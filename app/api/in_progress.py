"""How many requests one caller may have in progress in a worker, so that what waits for one caller stops no other."""

from collections import Counter
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from flask import Flask, g, request
from werkzeug.wsgi import ClosingIterator

from app.api.problems import RequestError
from app.config import Settings

# In the WSGI environment: whose request it is counted as.
COUNTED = "flux.in_progress"


class TooManyRequests(RequestError):
    """The caller has as many requests in progress as it may have."""

    code = 429


def init_app(app: Flask, settings: Settings) -> None:
    """Refuse with 429 what a caller, by whichever of its keys, asks while as many of its requests as it may have are in
    progress, to their last byte.

    Where requests need no key there is one caller, and nothing is counted.
    """
    max_requests = settings.caller_max_in_progress
    if not max_requests or settings.open:
        return
    counts: Counter[str] = Counter()
    lock = Lock()
    application = app.wsgi_app

    @app.before_request
    def enter() -> None:
        # The operations of a batch are its own request's.
        if "caller" not in g or COUNTED in request.environ:
            return
        name = g.caller.name
        with lock:
            if counts[name] >= max_requests:
                raise TooManyRequests(
                    f"The caller {name} has {max_requests} requests in progress here, as many as it may have. "
                    "Wait until one is answered.",
                    Retry_After="1",
                )
            counts[name] += 1
            request.environ[COUNTED] = name

    def counted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def leave() -> None:
            if COUNTED in environ:
                with lock:
                    counts[environ[COUNTED]] -= 1

        try:
            return ClosingIterator(application(environ, start_response), leave)
        except BaseException:
            leave()
            raise

    app.wsgi_app = counted  # type: ignore[method-assign]
