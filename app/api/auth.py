"""Who may call, and what: unless the service is open, a key on every path below /api/v1, and a scope for the operation.

Keys stand in SERVICE_API_KEYS, and those have every scope, or in the table that `flask keys` writes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

from flask import Flask, current_app, g, request

from app.api.problems import Forbidden, Unauthorized
from app.api.transaction import WITHIN_BATCH
from app.auth.key_cache import KeyCache
from app.auth.keys import digest, has_the_form_of_a_key, is_mistyped
from app.auth.scopes import ADMIN, ENTITIES, allows, granting_scopes, scope_of
from app.config import Settings
from app.telemetry.requests import CALLER

PROTECTED = "/api/v1"
KEY_HEADER = "X-Flux-Service-Key"
KEY_IN_ENVIRONMENT = "HTTP_X_FLUX_SERVICE_KEY"
EXTENSION = "flux_authenticator"
CHECKS_ITSELF = ""
SCOPE_OF_VIEW = "_required_scope"

View = Callable[..., Any]


@dataclass(frozen=True)
class Caller:
    """Who calls: the name that the key has, and the scopes."""

    name: str
    scopes: frozenset[str]


class Authenticator:
    """Finds out from a key who calls."""

    def __init__(self, settings: Settings) -> None:
        self._digests = {name: digest(key) for name, key in settings.service_api_keys.items()}
        self._known = KeyCache(settings.database_pool_wait)

    def authenticate(self, key: str) -> Caller:
        """Who holds this key. Raises Unauthorized, and Unavailable when the database would have to be asked."""
        hashed = digest(key)
        name = self._listed(hashed)
        if name is not None:
            return Caller(name, frozenset((ADMIN,)))
        if not self._known.seen_name(hashed):
            _check_form(key)
        found = self._known.find(hashed)
        if found is None:
            raise Unauthorized("The key is not known, has ended or was revoked. Ask for a new one.")
        return Caller(found.name, found.scopes)

    def known_name(self, key: str) -> str | None:
        """The name of who holds this key, if somebody does. A key that has the form of one and is new to this worker is
        looked up, so that made-up ones keep nobody out; raises Unavailable.
        """
        hashed = digest(key)
        name = self._listed(hashed) or self._known.seen_name(hashed)
        if name or not has_the_form_of_a_key(key) or is_mistyped(key):
            return name
        found = self._known.find(hashed)
        return found.name if found else None

    def _listed(self, hashed: bytes) -> str | None:
        """The name that SERVICE_API_KEYS gives the key with this SHA-256."""
        # Every key is compared, whether one matched already or not, so that the time reveals nothing.
        matching = [name for name, known in self._digests.items() if compare_digest(known, hashed)]
        return matching[0] if matching else None


def init_app(app: Flask, settings: Settings) -> None:
    """Ask for a key, and for the scope of the operation, before anything else is done with a request."""
    if settings.open:
        return
    authenticator = app.extensions[EXTENSION] = Authenticator(settings)

    @app.before_request
    def require_key() -> None:
        if not request.path.startswith(PROTECTED):
            return
        operation = request.environ.get(WITHIN_BATCH)
        g.caller = operation.caller if operation else identify()
        require_scope(scope_of_operation())

    def identify() -> Caller:
        key = request_key()
        if not key:
            raise Unauthorized(
                f"This path needs a key. Send it as {KEY_HEADER}: <key> or as Authorization: Bearer <key>."
            )
        caller = authenticator.authenticate(key)
        request.environ[CALLER] = caller.name
        return caller


def request_key() -> str:
    """The key that the request carries, or an empty text."""
    return request.environ.get(KEY_IN_ENVIRONMENT) or _bearer_token()


def known_caller() -> str | None:
    """The caller's name; None for a key that nobody holds, and in an open service."""
    authenticator: Authenticator | None = current_app.extensions.get(EXTENSION)
    key = request_key()
    return authenticator.known_name(key) if authenticator and key else None


def required_scope(scope: str) -> Callable[[View], View]:
    """Name the scope of an operation that is not one on the rows of its blueprint's entity.

    CHECKS_ITSELF for one that calls `require_scope` for each thing that it does. Goes right below the route.
    """

    def mark(view: View) -> View:
        setattr(view, SCOPE_OF_VIEW, scope)
        return view

    return mark


def has_scope(scope: str) -> bool:
    """Whether the caller's key has this scope, or one that gives it; an open service allows all."""
    caller: Caller | None = g.get("caller")
    return caller is None or scope == CHECKS_ITSELF or allows(caller.scopes, scope)


def require_scope(scope: str) -> None:
    """Raise Forbidden unless the caller's key has this scope, or one that gives it."""
    if has_scope(scope):
        return
    caller: Caller = g.caller
    *others, last = granting_scopes(scope)
    needed = f"{', '.join(others)} or {last}" if others else last
    raise Forbidden(
        f"The key {caller.name} may not do this: it needs the scope {needed}, "
        f"and has {', '.join(sorted(caller.scopes))}. Use another key, or have one made with that scope.",
        scope,
    )


def scope_of_operation() -> str:
    """The scope that the request's operation needs; admin where nobody said what else."""
    if request.endpoint is None:
        return CHECKS_ITSELF
    declared = getattr(current_app.view_functions[request.endpoint], SCOPE_OF_VIEW, None)
    if declared is not None:
        return declared
    entity = (request.blueprint or "").replace("_", "-")
    return scope_of(entity, request.method) if entity in ENTITIES else ADMIN


def _check_form(key: str) -> None:
    """Raise Unauthorized for what cannot be a key of ours, so that the database is not asked about it."""
    if not has_the_form_of_a_key(key):
        raise Unauthorized("The key is not known. Check it for typing errors, or ask for a new one.")
    if is_mistyped(key):
        raise Unauthorized("The key is mistyped or cut short, as its checksum shows. Copy it anew.")


def _bearer_token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
