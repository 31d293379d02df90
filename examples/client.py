"""What the examples share: a connection to the Flux DAO Service, and one sentence for whatever goes wrong."""

import os
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx

Row = dict[str, Any]
ATTEMPTS = 3


class Problem(Exception):
    """An answer that is an error. Its message tells a person what to do; `retryable`: the same may yet do."""

    def __init__(self, detail: str, retryable: bool = False) -> None:
        super().__init__(detail)
        self.retryable = retryable


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


def batch(flux: httpx.Client, *operations: Row) -> list[Any]:
    """Do the operations in one transaction, all or none; what each answers.

    When no answer arrives, nobody knows whether they were done. With the same Idempotency-Key they can be sent again:
    they are done once, and answered alike.
    """
    key = str(uuid4())
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer = flux.post("/batch", json={"operations": operations}, headers={"Idempotency-Key": key}).json()
            return [each.get("body") for each in answer["operations"]]
        except (httpx.TransportError, Problem) as error:
            if attempt == ATTEMPTS or (isinstance(error, Problem) and not error.retryable):
                raise
        time.sleep(attempt)
    raise AssertionError("the last attempt returns or raises")


def raise_problem(response: httpx.Response) -> None:
    """Look at every answer before the example gets it, so that the example meets successes only."""
    content_type = response.headers.get("Content-Type", "")
    if content_type == "application/problem+json":
        response.read()
        problem = response.json()
        raise Problem(problem["detail"], problem["retryable"])
    if content_type != "application/json" and response.status_code != httpx.codes.NO_CONTENT:
        # Some other server or a proxy: the service answers JSON, all its errors as problems, and a DELETE with nothing.
        raise Problem(f"{response.url} is not answered by the Flux DAO Service; correct FLUX_URL.")
