"""What the examples share: a connection to the Flux DAO Service, and one sentence for whatever goes wrong."""

import os
import sys
from collections.abc import Callable
from typing import Any

import httpx

Row = dict[str, Any]


class Problem(Exception):
    """An answer that is an error. `type` tells its kind to a program, the message tells a person what to do."""

    def __init__(self, type: str, detail: str) -> None:
        super().__init__(detail)
        self.type = type


def run(example: Callable[[httpx.Client], None]) -> None:
    """Give the example a connection; when it fails, print why in one sentence to stderr and exit with 1."""
    url = (os.environ.get("FLUX_URL") or "http://127.0.0.1:8000").rstrip("/")
    key = os.environ.get("FLUX_KEY")
    try:
        with httpx.Client(
            base_url=f"{url}/api/v1",
            headers={"X-Flux-Service-Key": key} if key else {},
            event_hooks={"response": [raise_problem]},
        ) as flux:
            example(flux)
    except Problem as problem:
        sys.exit(str(problem))
    except (httpx.TransportError, httpx.InvalidURL) as error:
        sys.exit(f"The service at {url} cannot be reached ({error}); start it, or correct FLUX_URL.")


def raise_problem(response: httpx.Response) -> None:
    """Look at every answer before the example gets it, so that the example meets successes only."""
    content_type = response.headers.get("Content-Type", "")
    if content_type == "application/problem+json":
        response.read()
        problem = response.json()
        raise Problem(problem["type"], problem["detail"])
    if content_type != "application/json" and response.status_code != httpx.codes.NO_CONTENT:
        # Some other server or a proxy: the service answers JSON, all its errors as problems, and a DELETE with nothing.
        raise Problem("about:blank", f"{response.url} is not answered by the Flux DAO Service; correct FLUX_URL.")
