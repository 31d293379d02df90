"""What PostgreSQL's errors mean: SQLSTATE to the service's own errors, here and nowhere else."""

import re

import psycopg2

from app.config.texts import MASK
from app.errors import (
    Busy,
    Conflict,
    Contended,
    Fault,
    InProgress,
    Invalid,
    MissingReference,
    NotANumber,
    ServiceError,
    TimedOut,
    Unavailable,
)

BEFORE_AN_AT = re.compile(r'(?<=")[^"]+(?=@)')

UNIQUE_VIOLATION = "23505"
FOREIGN_KEY_VIOLATION = "23503"
NOT_NULL_VIOLATION = "23502"
CHECK_VIOLATION = "23514"
# The server only reads, as a standby does.
READ_ONLY = "25006"
# An undefined table, column or function.
NOT_IN_THE_SCHEMA = ("42P01", "42703", "42883")
NOT_NOW = "The database cannot serve this at the moment. Try again in a few seconds."
AGAIN = "The request met others that change the same rows, again and again. Try again."
# By how the SQLSTATE begins.
MEANINGS: dict[str, tuple[type[ServiceError], str]] = {
    # Raised by functions of our own, in migrations/0003_writes.py and 0008_bounds.py.
    "FX001": (
        NotANumber,
        "A value that is to be added to is not a number. Read the row, and correct that value first.",
    ),
    "FX002": (InProgress, "A request with this Idempotency-Key is still at work. Repeat yours in a moment."),
    "FX003": (InProgress, "A request with this Idempotency-Key was answered in this moment. Repeat yours."),
    "FX004": (Invalid, "An object may grow by merging and adding to 1048576 bytes of JSON, and it would have more."),
    "40P01": (Contended, AGAIN),
    "40001": (Contended, AGAIN),
    "57014": (TimedOut, "The database did not finish this in time, and undid it. Try again, or ask for less."),
    "55P03": (Busy, "Others kept the rows that this needs locked for too long. Nothing was changed; try again."),
    "25P03": (Busy, "The transaction stood still for too long and was undone. Try again."),
    READ_ONLY: (Unavailable, NOT_NOW),
    # The connection failed; disk, memory or connections ran out; an operator stopped the server.
    "08": (Unavailable, NOT_NOW),
    "53": (Unavailable, NOT_NOW),
    "57P": (Unavailable, NOT_NOW),
    "22": (Invalid, "A value is of a form or size that the database cannot store."),
    "54": (
        Invalid,
        "Something is too long: a text that must be unique may have about 2,700 bytes, an answer that is no stream "
        "1 GiB. Ask for fewer rows, or for fewer fields of them.",
    ),
}
# psycopg2 gives no SQLSTATE of a connection that is refused.
PASSWORD_REFUSED = "password authentication failed"  # nosec B105
REMEDY = "Correct the one in DATABASE_URL or PGPASSWORD; a database keeps what it was made with."


def translate_error(error: BaseException) -> ServiceError | None:
    """The ServiceError that an error of psycopg2 means, or None for one that nobody foresaw."""
    cause = driver_error(error)
    if cause is None:
        return None
    if connection_is_lost(cause):
        return Unavailable("The database cannot be reached at the moment. Try again in a few seconds.")
    return _meaning(cause.pgcode or "", cause)


def driver_error(error: BaseException | None) -> psycopg2.Error | None:
    """psycopg2's error itself, or the one that an error of ours came of."""
    while error is not None and not isinstance(error, psycopg2.Error):
        error = error.__cause__
    return error


def driver_message(error: BaseException) -> str | None:
    """The first line of what the driver says of an error, or None when it is none of the driver's."""
    cause = driver_error(error)
    return str(cause).strip().partition("\n")[0] if cause else None


def sentence(error: ServiceError) -> str:
    """What a person is told of an error: where the database cannot be reached, what PostgreSQL says of that."""
    if isinstance(error, Unavailable) and connection_is_lost(error):
        # A password's own @ must be written as %40, or its rest is taken for the host's beginning.
        said = BEFORE_AN_AT.sub(MASK, driver_message(error) or "")
        remedy = f" {REMEDY}" if PASSWORD_REFUSED in said else ""
        return f"The database cannot be reached. PostgreSQL says: {said}.{remedy}"
    return error.detail


def schema_differs(error: BaseException) -> bool:
    """Whether the error says that a table, a column or a function of this code is not in the database."""
    cause = driver_error(error)
    return cause is not None and cause.pgcode in NOT_IN_THE_SCHEMA


def connection_is_lost(error: BaseException) -> bool:
    """Whether the error says that there is no connection any more, or never was one."""
    cause = driver_error(error)
    if isinstance(cause, psycopg2.InterfaceError):
        return True
    # A session that is warned before it ends, since the server has crashed, ends for psycopg2 in a plain DatabaseError.
    if cause is None or not (isinstance(cause, psycopg2.OperationalError) or type(cause) is psycopg2.DatabaseError):
        return False
    return cause.pgcode is None or cause.pgcode.startswith(("08", "57P"))


def was_undone(error: BaseException) -> bool:
    """Whether a connection was lost because the server said that it ends the session, and undid what it was at."""
    cause = driver_error(error)
    return cause is not None and (cause.pgcode or "").startswith("57P")


def _meaning(sqlstate: str, cause: psycopg2.Error) -> ServiceError | None:
    if sqlstate == UNIQUE_VIOLATION:
        return _taken(_columns(cause, "_key") or ("id",))
    if sqlstate == FOREIGN_KEY_VIOLATION:
        return _missing_reference(_columns(cause, "_fkey"))
    if sqlstate == CHECK_VIOLATION:
        return _refused(_columns(cause, "_check"))
    if sqlstate == NOT_NULL_VIOLATION:
        return _refused((cause.diag.column_name or "",), "cannot be null")
    found = next((meaning for begin, meaning in MEANINGS.items() if sqlstate.startswith(begin)), None)
    return found[0](found[1]) if found else None


def _columns(cause: psycopg2.Error, kind: str) -> tuple[str, ...]:
    """The columns of a violated constraint. Its name tells them: <table>_<column>__<column><kind>.

    A second one of the same columns has a number behind it, as PostgreSQL itself names it.
    """
    table, constraint = cause.diag.table_name or "", (cause.diag.constraint_name or "").rstrip("0123456789")
    if not constraint.endswith(kind):
        return ()
    return tuple(constraint.removeprefix(f"{table}_").removesuffix(kind).split("__"))


def _taken(columns: tuple[str, ...]) -> Conflict:
    if len(columns) == 1:
        sentence = f"The value of {columns[0]} is taken by another row; it must be unique."
    else:
        sentence = f"Another row has the same {' and '.join(columns)}; together they must be unique."
    return Conflict(sentence, faults=[Fault(f"#/{column}", sentence) for column in columns])


def _missing_reference(columns: tuple[str, ...]) -> MissingReference:
    column = columns[0] if columns else "A reference"
    sentence = f"{column} refers to a row that does not exist. Create that row first, or correct the id."
    return MissingReference(sentence, faults=[Fault(f"#/{column}", sentence)])


def _refused(columns: tuple[str, ...], fault: str = "is outside what the column allows") -> Invalid:
    return Invalid.from_faults([Fault(f"#/{column}", f"{column} {fault}.") for column in columns])
