"""Who may call: every path below /api/v1 needs a key that SERVICE_API_KEYS holds, unless the service is open."""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest

from flask import Flask, request

from app.api.problems import Unauthorized
from app.config import Settings
from app.telemetry.requests import CALLER

PROTECTED = "/api/v1"
KEY_HEADER = "X-Flux-Service-Key"


def init_app(app: Flask, settings: Settings) -> None:
    """Ask for a key before anything else is done with a request."""
    if settings.open:
        return
    digests = {name: _digest(key) for name, key in settings.service_api_keys.items()}

    @app.before_request
    def require_key() -> None:
        if request.path.startswith(PROTECTED):
            request.environ[CALLER] = _caller(digests)


def _caller(digests: Mapping[str, bytes]) -> str:
    """The name of who holds the key that was sent. Raises Unauthorized."""
    given = request.headers.get(KEY_HEADER) or _bearer_token()
    if not given:
        raise Unauthorized(f"This path needs a key. Send it as {KEY_HEADER}: <key> or as Authorization: Bearer <key>.")
    digest = _digest(given)
    # Every key is compared, whether one matched already or not, so that the time tells nothing.
    matching = [name for name, known in digests.items() if compare_digest(known, digest)]
    if not matching:
        raise Unauthorized("The key is not known. Check it for typing errors, or ask for a new one.")
    return matching[0]


def _bearer_token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()
