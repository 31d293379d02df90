"""How values are written for PostgreSQL: what is written faster than by psycopg2 is the same text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from psycopg2.extensions import QuotedString, TimestampFromPy, adapt

from app.database import literals

TIMES = (
    datetime(2026, 3, 1, 9, tzinfo=UTC),
    datetime(2026, 3, 1, 9, 0, 0, 120, tzinfo=UTC),
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
    datetime(2026, 3, 1, 9, tzinfo=timezone(timedelta(hours=3, minutes=41, seconds=12))),
    datetime(2026, 3, 1, 9),
)
ELEMENTS = (
    (["a", "b c", "NULL", "", "{}", "a,b"], '{"a","b c","NULL","","{}","a,b"}'),
    (['say "a"', "a\\b", "c"], '{"say \\"a\\"","a\\\\b","c"}'),
    ([1, -2, 1.5], '{"1","-2","1.5"}'),
    ([], "{}"),
)


@pytest.fixture(autouse=True)
def registered():
    literals.register()


@pytest.mark.parametrize("time", TIMES, ids=str)
def test_a_time_is_written_as_by_psycopg2(time):
    assert adapt(time).getquoted() == TimestampFromPy(time).getquoted()


@pytest.mark.parametrize(("values", "array"), ELEMENTS)
def test_the_elements_of_an_array_are_quoted(values, array):
    assert literals.array_literal(values) == array


@pytest.mark.parametrize("text", ["plain", "it's", "a\\b", 'say "a"', "Ünïcödé", "", "%s"])
def test_an_array_is_quoted_as_by_psycopg2(text):
    assert adapt([text]).getquoted() == QuotedString(literals.array_literal([text])).getquoted()


def test_a_nul_in_a_list_is_refused():
    with pytest.raises(ValueError, match="NUL"):
        adapt(["a\x00b"]).getquoted()
