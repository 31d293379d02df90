"""What load balancers and operators ask: is the process alive, can it serve?"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

from flask import Response

from app.api.blueprint import Blueprint
from app.api.responses import json_response
from app.database import database, migrations
from app.errors import Unavailable
from app.schemas.operations import HealthSchema, NotReadySchema, ReadySchema

READY_TIMEOUT = 1.5
BUSY = (
    f"All database connections of this worker were in use for {READY_TIMEOUT} s. The database itself was not asked. "
    "Wait, or raise DATABASE_POOL_SIZE."
)

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
    """Tell whether the database answers and its schema is current."""
    check = _asker().submit(migrations.not_ready_reason)
    try:
        reason = check.result(timeout=READY_TIMEOUT)
    except TimeoutError:
        check.cancel()
        reason = BUSY if database.is_exhausted() else f"The database did not answer within {READY_TIMEOUT} s."
    if reason:
        return _not_ready(reason)
    return json_response({"status": "ready", "pending_migrations": []})


@cache
def _asker() -> ThreadPoolExecutor:
    """A thread of its own: a database that hangs must not make the answer late.

    What it then finds frozen makes the requests that come look for the primary, long before their own limits do.
    """
    patient = partial(database.limit_patience, READY_TIMEOUT)
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="ready", initializer=patient)


def _not_ready(detail: str) -> Response:
    response = json_response({"status": "not_ready", "detail": detail}, 503)
    response.headers["Retry-After"] = str(Unavailable.retry_after)
    return response
