"""What was meant by a name that no query knows: the right spelling, also of other frameworks' words, and an example."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any
from urllib.parse import quote

from app.query.model import FLAGGED, PATTERNS
from app.query.relations import REFERENCES
from app.query.values import KINDS, kind_of
from app.query.vocabulary import VOCABULARIES, UnknownName, Vocabulary
from app.schemas.fields import Choice, Object

MAX_LENGTH = 100
# Django's title__icontains and user__timezone, JSON:API's filter[title], MongoDB's title[$regex].
SEPARATORS = re.compile(r"__|[.\[\]$]")
CAPITALS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# How others call an operator, without underscores; one that a column's type has comes first.
WORDS_FOR_OPERATORS = {
    "eq": "exact equals equal is",
    "ne": "not neq noteq isnot exclude",
    "in": "any anyof oneof isin",
    "nin": "notin noneof",
    "gt": "after",
    "gte": "ge gteq min since from between range date",
    "lt": "before",
    "lte": "le lteq max until to",
    "like": "startswith endswith",
    "ilike": "icontains contains includes iexact search match regex iregex istartswith iendswith",
    "contains": "has includes overlap any in",
    "isnull": "null exists none",
}
VALUES_FOR_WORDS = {
    "startswith": "run*", "istartswith": "run*", "endswith": "*run", "iendswith": "*run", "iexact": "run",
    "exists": "false",
}  # fmt: skip
WORDS_FOR_CONTROLS = {
    "sort": "order orderby ordering sortby",
    "limit": "pagesize perpage top first take size max maxresults",
    "skip": "offset start page pagenumber",
    "fields": "select columns only attributes",
    "expand": "include includes embed with populate join preload relations",
    "group_by": "group groupby",
    "fill": "fillgaps gapfill zerofill includeempty",
    "tz": "timezone",
    "or": "any anyof either filter where",
}
GROUPS_ELSEWHERE = ("group_by", *WORDS_FOR_CONTROLS["group_by"].split())
EXAMPLES_OF_CONTROLS = {
    "sort": "-created_at", "limit": "20", "skip": "20", "cursor": "…", "count": "none", "fields": "id,created_at",
    "expand": "user", "upsert": "merge", "skip_locked": "true", "max_affected": "10", "return": "rows",
    "consistency": "eventual", "group_by": "day", "fill": "true", "bucket_on": "created_at", "tz": "Asia/Dubai",
    "or": "(version:1;version:2)",
}  # fmt: skip
TIME = "2026-03-01T09:00:00Z"
EXAMPLES_OF_KIND = {
    "uuid": "0198f3c2-0000-7000-8000-000000000001", "text": "run", "integer": "30", "number": "0.5", "time": TIME,
    "flag": "true", "object": '{"a":1}', "key": "7",
}  # fmt: skip


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that this one is probably meant to be."""
    plain = CAPITALS.sub("_", name[:MAX_LENGTH]).lower()
    close = get_close_matches(plain, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def suggestion(name: str, others: Sequence[str], table: str | None) -> str:
    """A sentence with the right spelling of a parameter and an example that would work, or nothing.

    `others` are the operation's parameters beside the filters, which it has when it has a `table`.
    """
    if len(name) > MAX_LENGTH:
        return ""
    if name in GROUPS_ELSEWHERE and "group_by" not in others:
        return " Groups are counted by GET /tasks/statistics. For example /tasks/statistics?group_by=day."
    parts = [part for part in SEPARATORS.split(name) if part]
    known = VOCABULARIES[table] if table else None
    control = _control(name, parts, others, known)
    if control:
        return sentence(control, f"{control}={EXAMPLES_OF_CONTROLS.get(control, TIME)}")
    found = _filter(known, parts[parts[:1] == ["filter"] :]) if known else None
    return sentence(*found) if known and found and _exists(known, found[0]) else ""


def sentence(found: str, example: str) -> str:
    """The sentence of a suggestion."""
    return f" Did you mean {found}? For example {example}."


def _exists(known: Vocabulary, name: str) -> bool:
    try:
        known.parameter(name)
    except UnknownName:
        return False
    return True


def _control(name: str, parts: list[str], others: Sequence[str], known: Vocabulary | None) -> str | None:
    word = re.sub("[^a-z]", "", name.lower())
    for other in others:
        if word in WORDS_FOR_CONTROLS.get(other, "").split():
            return other
    found = closest(name, [*others, *(known.kinds if known else ())]) if len(parts) == 1 else None
    return found if found in others else None


def _filter(known: Vocabulary, parts: list[str]) -> tuple[str, str] | None:
    """The name of a filter and an example of it, by the parts of a name that is nearly one."""
    head, *rest = parts or [""]
    further = REFERENCES[known.table] if rest else {}
    found = closest(head, [*further, *known.kinds])
    if found in further:
        behind = _filter(VOCABULARIES[further[found]], rest)
        return behind and (f"{found}.{behind[0]}", f"{found}.{behind[1]}")
    if found is None:
        return None
    operators = KINDS[known.kinds[found]].operators
    keys, word = _split(known.fields.get(found), rest, operators)
    operator = _operator(KINDS["key"].operators if keys else operators, word)
    if operator is None:
        return None
    name = ".".join([found, *keys]) + ("" if operator == "eq" else f"__{operator}")
    return name, f"{name}={quote(_example(known.fields.get(found), operator, word, bool(keys)), safe='*:')}"


def _split(field: Any, rest: list[str], operators: Sequence[str]) -> tuple[list[str], str]:
    """The keys inside an object, and the word for an operator behind them."""
    if not isinstance(field, Object):
        return [], rest[-1] if rest else ""
    has_word = rest and _operator(operators if len(rest) == 1 else KINDS["key"].operators, rest[-1])
    return (rest[:-1], rest[-1]) if has_word else (rest, "")


def _operator(operators: Sequence[str], word: str) -> str | None:
    plain = word.lower().replace("_", "")
    if not plain:
        return operators[0]
    # A word that two of them have is the first one's.
    words = {word: each for each in reversed(operators) for word in (each, *WORDS_FOR_OPERATORS.get(each, "").split())}
    # Of short words many are close.
    found = plain if plain in words else closest(word, [*operators, *(each for each in words if len(each) > 4)])
    return words[found] if found else None


def _example(field: Any, operator: str, word: str, is_key: bool) -> str:
    if operator in (*FLAGGED, *PATTERNS):
        usual = "true" if operator in FLAGGED else "*run*"
        return VALUES_FOR_WORDS.get(word.lower().replace("_", ""), usual)
    if isinstance(field, Choice):
        return field.choices[0]
    if field is None:
        return "971501234567"
    return EXAMPLES_OF_KIND["key" if is_key else kind_of(getattr(field, "inner", field))]
