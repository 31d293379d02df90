"""What the examples share: a connection to the Flux DAO Service, and one sentence for whatever goes wrong."""

import os
import sys
from collections.abc import Callable

import httpx
from flux_dao_client import Flux, Problem

DEFAULT_URL = "http://127.0.0.1:8000"


def run(example: Callable[[Flux], None]) -> None:
    """Give the example a connection; when it fails, print why in one sentence to stderr and exit with 1."""
    url = os.environ.get("FLUX_URL") or DEFAULT_URL
    try:
        with Flux(url, os.environ.get("FLUX_KEY"), max_attempts=3) as flux:
            example(flux)
    except Problem as problem:
        sys.exit(problem.detail)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        sys.exit(f"The service at {url} cannot be reached ({error}); start it, or correct FLUX_URL.")
