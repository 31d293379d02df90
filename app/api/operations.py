"""What load balancers and operators ask: is the process alive, can it serve?"""

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

from flask import Response, current_app

from app.api.blueprint import Blueprint
from app.api.responses import json_response
from app.database import database
from app.database.migrations import pending
from app.errors import ServiceError, Unavailable
from app.schemas.operations import HealthSchema, NotReadySchema, ReadySchema

READY_WITHIN_SECONDS = 1.5
# In the app's config: whether this process has been told to stop.
STOPPING = "STOPPING"

blueprint = Blueprint("operations", "Whether the service is alive and ready.", needs_key=False)


@blueprint.route("/health", methods=["GET"])
@blueprint.response(200, HealthSchema, example=HealthSchema.example)
def check_health() -> Response:
    """Tell that the process answers; touches no database."""
    return json_response({"status": "ok"})


@blueprint.route("/ready", methods=["GET"])
@blueprint.response(200, ReadySchema, example=ReadySchema.example)
@blueprint.alt_response(503, schema=NotReadySchema, example=NotReadySchema.example, description="Not ready")
def check_readiness() -> Response:
    """Tell whether the database answers and its schema is current, and that the service is not about to stop."""
    if current_app.config.get(STOPPING):
        return _not_ready("The service is stopping. Send new requests to another instance.")
    try:
        missing = _ask_database().result(timeout=READY_WITHIN_SECONDS)
    except TimeoutError:
        return _not_ready(f"The database did not answer within {READY_WITHIN_SECONDS} s.")
    except ServiceError as error:
        return _not_ready(error.detail)
    if missing:
        return _not_ready(f"The database lacks migrations: {', '.join(missing)}. Run `flask db upgrade`.")
    return json_response({"status": "ready", "pending_migrations": []})


def _ask_database() -> Future[list[str]]:
    # In a thread of its own: a database that hangs must not make the answer late.
    return _asker().submit(_pending_migrations)


@cache
def _asker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="ready")


def _pending_migrations() -> list[str]:
    try:
        return pending()
    finally:
        database.release()


def _not_ready(detail: str) -> Response:
    response = json_response({"status": "not_ready", "detail": detail}, 503)
    response.headers["Retry-After"] = str(Unavailable.retry_after)
    return response
