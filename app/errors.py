"""What can go wrong, without HTTP: api/problems.py alone turns these into answers."""

from collections.abc import Sequence
from dataclasses import dataclass

MAX_FAULTS = 20


@dataclass(frozen=True)
class Fault:
    """One wrong value: `pointer` is `#/field` in a body or `?name` in a query; `detail` a full sentence."""

    pointer: str
    detail: str


class ServiceError(Exception):
    """The base of all that the service raises on purpose. `detail` is a sentence that a caller can act on.

    `kind` is the name of what went wrong, which callers go by.
    """

    kind = "unforeseen"

    def __init_subclass__(cls, kind: str | None = None) -> None:
        cls.kind = kind or cls.kind

    def __init__(self, detail: str, *, faults: Sequence[Fault] = (), hint: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)
        self.hint = hint


class NotJson(ServiceError, kind="not-json"):
    """A text that should be JSON is not."""


class Invalid(ServiceError, kind="invalid-value"):
    """One or more values are wrong; `faults` names each."""

    @classmethod
    def from_faults(cls, faults: Sequence[Fault], hint: str | None = None) -> "Invalid":
        """The error for these faults; its sentence repeats them, since many callers read nothing else."""
        detail = " ".join(fault.detail for fault in faults[:MAX_FAULTS])
        if len(faults) > MAX_FAULTS:
            detail += f" And {len(faults) - MAX_FAULTS} more."
        return cls(detail, faults=faults, hint=hint)


class AnswerTooLarge(Invalid):
    """The answer would have more bytes than one may have."""

    def __init__(self, max_bytes: int) -> None:
        sentence = (
            f"The answer would have more than {max_bytes} bytes. Ask for fewer rows with limit, for fewer of their "
            "fields with fields, or for a stream with Accept: application/x-ndjson, a GET of its own."
        )
        super().__init__(sentence, faults=[Fault("?limit", sentence)])


class NotFound(ServiceError, kind="not-found"):
    """The row that was asked for does not exist."""


class Conflict(ServiceError, kind="value-taken"):
    """A unique value is taken; `faults` names the fields that share it."""


class MissingReference(ServiceError, kind="missing-reference"):
    """The row that a field refers to does not exist; `faults` names the field."""


class ConditionFailed(ServiceError, kind="condition-failed"):
    """The row does not match the condition; `current` is its JSON, if it may be shown, `version` its version."""

    def __init__(self, detail: str, current: bytes = b"{}", version: int = 1) -> None:
        super().__init__(detail)
        self.current = current
        self.version = version


class Stale(ConditionFailed, kind="stale-version"):
    """The row has moved on: it has none of the versions that were named."""


class TooManyAffected(ServiceError, kind="too-many-affected"):
    """A write by filter matches more rows than it may change; nothing was changed."""


class NotANumber(ServiceError, kind="not-a-number"):
    """An increment meets a value that is no number."""


class KeyReused(ServiceError, kind="idempotency-key-reused"):
    """An Idempotency-Key came with another request before."""


class InProgress(ServiceError, kind="in-progress"):
    """A request with the same Idempotency-Key is still at work."""

    retry_after = 1


class UnresolvedReference(ServiceError, kind="reference-not-resolved"):
    """A reference in a batch leads nowhere."""


class ExpectationUnmet(ServiceError, kind="expectation-unmet"):
    """An operation of a batch affected fewer or more rows than was expected."""


class Unavailable(ServiceError, kind="unavailable"):
    """The database cannot be reached, or cannot serve now. Trying again after `retry_after` seconds may help."""

    retry_after = 5


class InDoubt(Unavailable, kind="in-doubt"):
    """The connection broke while the database was asked to commit: all of the transaction was done, or nothing."""


class Busy(Unavailable, kind="busy"):
    """The database answers, but had to give up on this request: too many at once, or they stood in each other's way."""

    retry_after = 1


class TimedOut(Unavailable, kind="timed-out"):
    """The database needed longer for one statement than it may; what the request did was undone."""


class Contended(Busy):
    """A deadlock or a serialization failure: the whole transaction may be repeated at once."""
