"""What the service answers when it cannot do something (RFC 9457), as exceptions by kind."""

import re
from collections.abc import Mapping
from typing import Any

import httpx


class Problem(Exception):
    """An answer that is an error; `detail` says what is wrong and what to do.

    `kind` is the last part of the problem's type, such as `value-taken`; `errors` names each value that is wrong;
    `hint` is what may have been meant; `operation` is the one of a batch that failed, by its `index` and `name`.
    """

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        self.status = status
        self.document = document
        self.kind = re.split("[:/]", document.get("type", ""))[-1]
        self.detail: str = document.get("detail", f"The service answered {status}.")
        self.errors: list[dict[str, Any]] = document.get("errors", [])
        self.hint: str | None = document.get("hint")
        self.retryable: bool = document.get("retryable", False)
        self.operation: dict[str, Any] | None = document.get("operation")
        self.request_id: str | None = document.get("request_id")
        super().__init__(f"{self.detail} Hint: {self.hint}" if self.hint else self.detail)


class Unauthorized(Problem):
    """The service does not know the key."""


class Forbidden(Problem):
    """The key lacks the scope that `detail` names."""


class NotFound(Problem):
    """There is no such row, or it is another person's."""


class Conflict(Problem):
    """The rows that are there do not allow it; the exceptions below this one say how."""


class ValueTaken(Conflict):
    """Another row has this value, which may be there once."""


class ConditionFailed(Problem):
    """A row, or the number of rows, is not as the condition asked for."""

    @property
    def current(self) -> dict[str, Any] | None:
        """The row as it is, where a row does not match the condition."""
        current: dict[str, Any] | None = self.document.get("current")
        return current


class StaleVersion(ConditionFailed):
    """The row has changed since it was read."""


class Invalid(Problem):
    """The request is wrong, and `errors` says where."""


class Unavailable(Problem):
    """The service or its database could not do it now, and all attempts have been made."""


BY_KIND = {"value-taken": ValueTaken, "stale-version": StaleVersion}
BY_STATUS = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: ConditionFailed,
    413: Invalid,
    414: Invalid,
    415: Invalid,
    422: Invalid,
    429: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def problem_of(response: httpx.Response) -> Problem:
    """The exception for an answer that is an error, a proxy's page included."""
    try:
        document = response.json()
    except ValueError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    problem = Problem(response.status_code, document)
    kind = BY_KIND.get(problem.kind) or BY_STATUS.get(response.status_code, Problem)
    return kind(response.status_code, document)
