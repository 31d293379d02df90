"""What is measured: of a thread its use of the database, and of the process, once /metrics is served, all it does."""

import threading
from time import perf_counter
from typing import Any

REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
STATEMENT_BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10)


class Nothing:
    """Takes the place of a metric of prometheus_client until somebody reads it."""

    def labels(self, *_: Any) -> "Nothing":
        """Itself: no label matters."""
        return self

    def inc(self, amount: float = 1) -> None:
        """Forget it."""

    dec = observe = inc


class Metrics:
    """The metrics of this process, by the names of OpenTelemetry's conventions where those have one."""

    def __init__(self) -> None:
        self.durations: Any = Nothing()
        self.active_requests: Any = Nothing()
        self.rejected: Any = Nothing()
        self.statements: Any = Nothing()
        self.connections_used: Any = Nothing()
        self.pending_requests: Any = Nothing()
        self.timeouts: Any = Nothing()
        self.retries: Any = Nothing()
        self.eventual_reads: Any = Nothing()

    def start(self, pool_size: int) -> None:
        """Count from now on, in this worker: in files that prometheus_client's multiprocess collector reads."""
        # Not before: it looks for the folder of those files when it is imported.
        from prometheus_client import Counter, Gauge, Histogram

        def gauge(name: str, help: str) -> Gauge:
            # A number of the moment: the sum of the workers that live.
            return Gauge(name, help, multiprocess_mode="livesum", registry=None)

        def counter(name: str, help: str, label: str = "", *values: str) -> Counter:
            made = Counter(name, help, (label,) if label else (), registry=None)
            for value in values:
                made.labels(value)
            return made

        self.durations = Histogram(
            "http_server_request_duration_seconds",
            "From the moment a thread has a request's head to the last byte of its answer.",
            ("http_request_method", "http_route", "http_response_status_code"),
            buckets=REQUEST_BUCKETS,
            registry=None,
        )
        self.active_requests = gauge("http_server_active_requests", "Requests that are being answered.")
        self.rejected = counter(
            "flux_requests_rejected", "Requests that were answered with a problem, by its kind.", "reason"
        )
        self.statements = Histogram(
            "db_client_operation_duration_seconds",
            "From sending a statement to the database's answer.",
            buckets=STATEMENT_BUCKETS,
            registry=None,
        )
        self.connections_used = gauge("db_client_connection_used", "Connections of the pools that are in use.")
        self.pending_requests = gauge("db_client_connection_pending_requests", "Threads that wait for a connection.")
        self.timeouts = counter("db_client_connection_timeouts", "Threads that waited for a connection in vain.")
        self.retries = counter(
            "db_client_retries",
            "Transactions (contention) and statements (connection) that were tried again.",
            "reason", "contention", "connection",
        )  # fmt: skip
        self.eventual_reads = counter(
            "flux_eventual_reads",
            "Reads with consistency=eventual, by who answered them: the replica or the primary.",
            "answered_by", "replica", "primary",
        )  # fmt: skip
        gauge("db_client_connection_max", "Connections that the pools may open.").set(pool_size)


class Usage(threading.local):
    """Sums that only grow; who wants to know what a piece of work took looks before and after it."""

    def __init__(self) -> None:
        self.statements = 0
        self.database_seconds = 0.0
        self.request_id: str | None = None
        self.trace_id: str | None = None

    def sent(self, count: int, began: float) -> None:
        """Add a message of `count` statements that was sent at `began` and has been answered, or has failed, now."""
        seconds = perf_counter() - began
        self.statements += count
        self.database_seconds += seconds
        metrics.statements.observe(seconds)


metrics = Metrics()
usage = Usage()
