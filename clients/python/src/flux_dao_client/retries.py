"""When a request is sent again: on broken connections and on problems that say that they are retryable."""

import random

import httpx

from flux_dao_client.problems import problem_of


class Retries:
    """The attempts of one request. Pauses grow, are random, and are never shorter than Retry-After."""

    def __init__(self, max_attempts: int) -> None:
        self._left = max_attempts - 1
        self._longest_pause = 0.5

    def pause_after_response(self, response: httpx.Response) -> float | None:
        """None for a success, else seconds to wait before the next attempt. Raises the Problem that stays."""
        if response.is_success or response.status_code == httpx.codes.NOT_MODIFIED:
            return None
        problem = problem_of(response)
        # A proxy's own page for 502 to 504 says nothing of it; a write's key makes it safe.
        if self._left and (problem.retryable or (not problem.document and response.status_code in (502, 503, 504))):
            return max(self._next_pause(), _seconds(response.headers.get("Retry-After")))
        raise problem

    def pause_after_error(self, error: httpx.TransportError) -> float:
        """Seconds to wait before the next attempt. Raises the error when there is none."""
        if not self._left:
            raise error
        return self._next_pause()

    def _next_pause(self) -> float:
        self._left -= 1
        self._longest_pause *= 2
        return random.uniform(0, self._longest_pause / 2)


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
