"""When a request is sent again: on broken connections and on problems that say that they are retryable."""

import random

import httpx

from flux_dao_client.problems import problem_of


class Retries:
    """The attempts of one request, each a block: `response` is what came of them, `pause` the wait before the next.

    Pauses are seconds that grow, are random, and are never fewer than Retry-After says.
    """

    def __init__(self, max_attempts: int) -> None:
        self.response: httpx.Response | None = None
        self.pause = 0.0
        self._left = max_attempts - 1
        self._longest_pause = 0.5

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Pass over a connection that broke, unless it was the last attempt."""
        again = isinstance(error, httpx.TransportError) and self._left > 0
        if again:
            self._go_on()
        return again

    def judge(self, response: httpx.Response) -> None:
        """Keep the response, unless another attempt may do better. Raises the Problem that stays."""
        if response.is_success or response.status_code == httpx.codes.NOT_MODIFIED:
            self.response = response
            return
        problem = problem_of(response)
        # A proxy's own page for 502 to 504 says nothing of it; a write's key makes it safe.
        if not self._left or not (
            problem.retryable or (not problem.document and response.status_code in (502, 503, 504))
        ):
            raise problem
        self._go_on(_seconds(response.headers.get("Retry-After")))

    def _go_on(self, shortest: float = 0) -> None:
        self._left -= 1
        self._longest_pause *= 2
        self.pause = max(shortest, random.uniform(0, self._longest_pause / 2))


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
