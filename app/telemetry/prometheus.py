"""The meters that /metrics shows, by the names of OpenTelemetry's conventions where those have one."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from app.telemetry.meters import Meters, meter

# Methods of a caller's own invention would make as many series.
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER_METHOD = "_OTHER"
UNMATCHED = "unmatched"
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
STATEMENT_BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10)


class PrometheusMeters(Meters):
    """Keeps what happens as prometheus_client does, in files of this process that its multiprocess collector reads."""

    def __init__(self, pool_size: int) -> None:
        self._durations = Histogram(
            "http_server_request_duration_seconds",
            "From the moment a thread has a request's head to the last byte of its answer.",
            ("http_request_method", "http_route", "http_response_status_code"),
            buckets=REQUEST_BUCKETS,
            registry=None,
        )
        self._duration = cache(self._durations.labels)
        self._in_flight = _gauge("http_server_active_requests", "Requests that are being answered.")
        self._rejected = Counter(
            "flux_requests_rejected",
            "Requests that were answered with a problem, by its kind.",
            ("reason",),
            registry=None,
        )
        self._statements = Histogram(
            "db_client_operation_duration_seconds",
            "From sending a statement to the database's answer.",
            buckets=STATEMENT_BUCKETS,
            registry=None,
        )
        self._in_use = _gauge("db_client_connection_used", "Connections of the pools that are in use.")
        self._pending_requests = _gauge("db_client_connection_pending_requests", "Threads that wait for a connection.")
        self._timeouts = Counter(
            "db_client_connection_timeouts", "Threads that waited for a connection in vain.", registry=None
        )
        self._retries = Counter(
            "db_client_retries",
            "Transactions (contention) and statements (connection) that were tried again.",
            ("reason",),
            registry=None,
        )
        for reason in ("contention", "connection"):
            self._retries.labels(reason)
        self._eventual_reads = Counter(
            "flux_eventual_reads",
            "Reads with consistency=eventual, by who answered them: the replica or the primary.",
            ("answered_by",),
            registry=None,
        )
        for answered_by in ("replica", "primary"):
            self._eventual_reads.labels(answered_by)
        _gauge("db_client_connection_max", "Connections that the pools may open.").set(pool_size)

    def request_began(self) -> None:
        self._in_flight.inc()

    def request_ended(self, method: str, route: str | None, status: int, seconds: float) -> None:
        self._in_flight.dec()
        known_method = method if method in METHODS else OTHER_METHOD
        self._duration(known_method, route or UNMATCHED, status).observe(seconds)

    def request_rejected(self, reason: str) -> None:
        self._rejected.labels(reason).inc()

    def statement_sent(self, seconds: float) -> None:
        self._statements.observe(seconds)

    def connection_taken(self) -> None:
        self._in_use.inc()

    def connection_returned(self) -> None:
        self._in_use.dec()

    def wait_began(self) -> None:
        self._pending_requests.inc()

    def wait_ended(self, timed_out: bool) -> None:
        self._pending_requests.dec()
        if timed_out:
            self._timeouts.inc()

    def retried(self, reason: str) -> None:
        self._retries.labels(reason).inc()

    def eventual_read(self, answered_by: str) -> None:
        self._eventual_reads.labels(answered_by).inc()


def start(pool_size: int) -> None:
    """Count from now on, in this worker."""
    meter.now = PrometheusMeters(pool_size)


def _gauge(name: str, help: str) -> Gauge:
    """A number of the moment: the sum of the workers that live."""
    return Gauge(name, help, multiprocess_mode="livesum", registry=None)
