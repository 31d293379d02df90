"""What is counted, by names of our own: nothing is done with it until /metrics is served."""


class Meters:
    """Takes notice of what happens, and forgets it. `app/telemetry/prometheus.py` is the one that remembers."""

    def request_began(self) -> None:
        """A thread begins to answer a request."""

    def request_ended(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """The last byte of an answer has left. `route` is None for a path that the service does not have."""

    def request_rejected(self, reason: str) -> None:
        """A request was answered with a problem of this kind."""

    def statement_sent(self, seconds: float) -> None:
        """The database has answered a statement, or failed to, after so many seconds."""

    def connection_taken(self) -> None:
        """A thread has taken a connection from the pool."""

    def connection_returned(self) -> None:
        """The connection is back, or closed."""

    def wait_began(self) -> None:
        """A thread waits for a connection, since all are in use."""

    def wait_ended(self, timed_out: bool) -> None:
        """It has one, or has given up."""

    def retried(self, reason: str) -> None:
        """A transaction (reason: contention) or a statement (reason: connection) is tried again."""

    def eventual_read(self, answered_by: str) -> None:
        """A read that may be some seconds old was answered by the replica, or has to be by the primary."""


class Meter:
    """The meters of this process, in a place from which everyone reads them anew."""

    def __init__(self) -> None:
        self.now = Meters()


meter = Meter()
