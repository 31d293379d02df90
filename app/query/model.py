"""What a query is made of, once it is read: plain values without SQL and without HTTP."""

from collections.abc import Iterator
from typing import Any, NamedTuple

# A value like the others; the schemas take it in bodies too.
from app.schemas.fields import RelativeTime as RelativeTime

# The operators, by what they take: one value, one of several, a range's end, a pattern, an element, true or false.
LISTED = ("in", "nin")
COMPARED = ("eq", "ne", *LISTED)
RANGES = ("gt", "gte", "lt", "lte")
PATTERNS = ("like", "ilike")
ELEMENTS = ("contains", "ncontains")
FLAGGED = ("isnull", "empty", "exists")


class Place(NamedTuple):
    """What a condition looks at: a column, of the row to which references lead, or a key inside an object."""

    column: str
    keys: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


class Condition(NamedTuple):
    """One comparison. With `or_null` a null passes too."""

    place: Place
    operator: str
    value: Any = None
    or_null: bool = False


class Either(NamedTuple):
    """Holds when all conditions of one of its groups hold."""

    groups: tuple[tuple[Condition, ...], ...]


Filter = tuple[Condition | Either, ...]


def conditions(filter: Filter) -> Iterator[Condition]:
    """All conditions of a filter, in their order."""
    for term in filter:
        if isinstance(term, Either):
            for group in term.groups:
                yield from group
        else:
            yield term


# The column that grows with each row that is stored: it settles ties, and no row shows it.
ROW_ORDER = "row_order"


class SortKey(NamedTuple):
    """A column to sort by; nulls come last unless `nulls_first`."""

    column: str
    descending: bool = False
    nulls_first: bool = False


class Shape(NamedTuple):
    """What a row shows: these columns, or all of them; what is put into it; and keys inside its objects."""

    columns: tuple[str, ...] | None = None
    expansions: tuple["Expansion", ...] = ()
    keys: tuple[Place, ...] = ()


WHOLE_ROW = Shape()


class Expansion(NamedTuple):
    """What is put into each row, by its name, in this shape; of a list the first `limit` in the order of `sort`."""

    name: str
    shape: Shape = WHOLE_ROW
    limit: int | None = None
    sort: tuple[SortKey, ...] = ()


DATES = ("day", "week", "month")
TIME_BUCKETS = (*DATES, "weekday", "hour")
GROUPS = (*TIME_BUCKETS, "status", "goal_id", "class_tag", "goal_class_tag")
# The tables that groups look into beside the rows' own.
TABLES_OF_GROUPS = {"goal_class_tag": "goals"}
MAX_GROUPS = 1000


class Grouping(NamedTuple):
    """How rows are gathered: the names to group by, the time column that is cut up, and the zone of its days.

    `sort` has each of the names, and perhaps the total; `limit` is how many groups to answer at most. With `fill` the
    one name is a date, and dates between others that have no row are groups too.
    """

    by: tuple[str, ...]
    bucket_on: str
    time_zone: str
    sort: tuple[SortKey, ...]
    limit: int
    fill: bool = False


class FieldRules(NamedTuple):
    """How a write treats the fields that its body names.

    With `merge` objects are merged (RFC 7396), but for those in `replace`; those in `if_null` are written only where
    they are null. A row that an upsert finds is changed in those of `update` alone, if there are any.
    """

    merge: bool = False
    replace: tuple[str, ...] = ()
    if_null: tuple[str, ...] = ()
    update: tuple[str, ...] = ()


PLAIN = FieldRules()


class Writing(NamedTuple):
    """How a write goes about it: what others hold is passed over; a row with the same key is merged, or left alone."""

    skip_locked: bool = False
    return_rows: bool = False
    upsert: str | None = None
    rules: FieldRules = PLAIN


class Query(NamedTuple):
    """Which rows, in which order, from where on, how many (None: all), what each shows; into which `others` it looks.

    `eventual` when the answer may be some seconds old. A write by filter may change `max_affected` rows.
    `after` are the sort keys of the row before the first. `fingerprint` tells lists apart for cursors.
    """

    where: Filter = ()
    sort: tuple[SortKey, ...] = ()
    skip: int = 0
    limit: int | None = None
    after: tuple[Any, ...] | None = None
    shape: Shape = WHOLE_ROW
    counting: str = "exact"
    fingerprint: str = ""
    grouping: Grouping | None = None
    writing: Writing = Writing()
    max_affected: int = 1000
    others: tuple[str, ...] = ()
    eventual: bool = False
