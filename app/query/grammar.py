"""Texts with structure: `or=(a:1,b__in:(2,3);c:4)`, lists with commas, and names with names in brackets."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar

from marshmallow import ValidationError

ESCAPED = re.compile(r"\\(.)", re.DOTALL)
UNCLOSED = 'has a " that is not closed. For the sign itself write \\" inside quotes.'
HALF_QUOTED = (
    'has a " inside a value. Put the whole value in quotes, and write \\" for the sign itself, as in "say \\"hi\\"".'
)

Item = TypeVar("Item")
RawValue = str | list[str]
Names = list[tuple[str, "Names | None"]]
MAX_BRACKETS = 3
Kind = Literal["sign", "quoted", "plain"]


def _signs(signs: str) -> re.Pattern[str]:
    """A quoted text and its closing quote if there is one, one of these signs, or a run of other characters.

    Each character is looked at once: a quote that is not closed takes all that follows.
    """
    return re.compile(rf'"((?:[^"\\]|\\.)*+)("?)|([{signs}])|([^"{signs}]+)', re.DOTALL)


BRACKETS = _signs("(),;")
COMMAS = _signs(",")


class Tokens:
    """The tokens of a text, one after the other: signs, texts in quotes without these, and what is in between."""

    def __init__(self, text: str, signs: re.Pattern[str] = BRACKETS) -> None:
        self._left = deque(_tokens(text, signs))

    def take(self, *kinds: Kind) -> str:
        """The next token if it is of one of these kinds, else an empty text."""
        return self._left.popleft()[0] if self._left and self._left[0][1] in kinds else ""

    def next_is(self, sign: str) -> bool:
        """Whether the next token is this sign; then it is taken."""
        found = bool(self._left) and self._left[0] == (sign, "sign")
        if found:
            self._left.popleft()
        return found

    def value(self) -> str:
        """The next characters up to a sign, or a text in quotes; may be empty. Raises ValidationError for both."""
        found = self.take("quoted", "plain")
        self.expect_sign()
        return found

    def several(self, parse: Callable[["Tokens"], Item], sign: str = ",") -> list[Item]:
        """What is parsed again and again, as long as this sign stands between."""
        found = [parse(self)]
        while self.next_is(sign):
            found.append(parse(self))
        return found

    def expect_sign(self) -> None:
        """Raise ValidationError unless a sign is next, or the end."""
        if self._left and self._left[0][1] != "sign":
            raise ValidationError(HALF_QUOTED)

    def expect(self, sign: str) -> None:
        """Take this sign; raises ValidationError when it is not there."""
        if not self.next_is(sign):
            raise ValidationError(f"lacks a {sign}{self._where()}.")

    def expect_end(self) -> None:
        """Raise ValidationError unless everything is taken."""
        if self._left:
            raise ValidationError(f"goes on where it should end{self._where()}.")

    def _where(self) -> str:
        rest = "".join(text for text, _ in self._left)
        return f" before {rest[:40]!r}" if rest else " at its end"


def _tokens(text: str, signs: re.Pattern[str]) -> Iterator[tuple[str, Kind]]:
    """The parts of a text, the quoted ones without their quotes, each with its kind. Raises ValidationError."""
    for quoted, closed, sign, plain in signs.findall(text):
        if sign or plain:
            yield sign or plain, "sign" if sign else "plain"
        elif closed:
            yield ESCAPED.sub(r"\1", quoted), "quoted"
        else:
            raise ValidationError(UNCLOSED)


def parse_groups(text: str) -> list[list[tuple[str, RawValue]]]:
    """The groups of `(name:value,name:value;name:value)`: names with a text, or with the list in `(…)`."""
    tokens = Tokens(text)
    tokens.expect("(")
    groups = tokens.several(lambda tokens: tokens.several(_condition), ";")
    tokens.expect(")")
    tokens.expect_end()
    return groups


def _condition(tokens: Tokens) -> tuple[str, RawValue]:
    name, colon, value = tokens.take("plain").partition(":")
    if not colon:
        raise ValidationError("is made of name:value, such as (status:done;goal_id__isnull:true).")
    if value:
        tokens.expect_sign()
        return name, value
    if not tokens.next_is("("):
        return name, tokens.value()
    if tokens.next_is(")"):
        return name, []
    values = tokens.several(Tokens.value)
    tokens.expect(")")
    return name, values


def parse_list(text: str) -> Sequence[str]:
    """The values between commas; one with a comma or a quote of its own is put in double quotes."""
    return Tokens(text, COMMAS).several(Tokens.value) if '"' in text else text.split(",")


def parse_names(text: str) -> Names:
    """The names between commas, each with the names in brackets behind it: `id,goal(title,user(email))`."""
    tokens = Tokens(text)
    found = _names(tokens, MAX_BRACKETS)
    tokens.expect_end()
    return found


def _names(tokens: Tokens, brackets: int) -> Names:
    return tokens.several(lambda tokens: _name(tokens, brackets))


def _name(tokens: Tokens, brackets: int) -> tuple[str, Names | None]:
    name = tokens.value().strip()
    if not tokens.next_is("("):
        return name, None
    if not brackets:
        raise ValidationError("has too many brackets in one another.")
    inner = _names(tokens, brackets - 1)
    tokens.expect(")")
    return name, inner
