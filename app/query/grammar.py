"""Texts with structure: `or=(a:1,b__in:(2,3);c:4)`, lists with commas, and names with names in brackets."""

import re
from collections.abc import Iterator, Sequence

# A quoted text and its closing quote if there is one, one of the signs, or a run of other characters. Each character is
# looked at once: a quote that is not closed takes all that follows.
TOKENS = re.compile(r'"((?:[^"\\]|\\.)*+)("?)|([(),;])|([^"(),;]+)', re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)

RawValue = str | list[str]


class Malformed(ValueError):
    """A text that does not follow the grammar; its message is the second half of a sentence."""


class Tokens:
    """The tokens of a text, one after the other; a sign is a token of its own, quotes make a sign a character."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._position = 0

    def next_is(self, sign: str) -> bool:
        """Whether the next token is this sign; then it is taken."""
        found = self._position < len(self._tokens) and self._tokens[self._position] == (sign, True)
        self._position += found
        return found

    def text(self) -> str:
        """The next characters up to a sign, quoted parts included; may be empty."""
        parts = []
        while self._position < len(self._tokens) and not self._tokens[self._position][1]:
            parts.append(self._tokens[self._position][0])
            self._position += 1
        return "".join(parts)

    def expect(self, sign: str) -> None:
        """Take this sign; raises Malformed when it is not there."""
        if not self.next_is(sign):
            raise Malformed(f"lacks a {sign}{self._where()}.")

    def expect_end(self) -> None:
        """Raise Malformed unless everything is taken."""
        if self._position < len(self._tokens):
            raise Malformed(f"goes on where it should end{self._where()}.")

    def _where(self) -> str:
        rest = "".join(text for text, _ in self._tokens[self._position :])
        return f" before {rest[:40]!r}" if rest else " at its end"


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of a text without their quotes, each with whether it is a sign. Raises Malformed."""
    for quoted, closed, sign, plain in TOKENS.findall(text):
        if sign or plain:
            yield sign or plain, bool(sign)
        elif closed:
            yield ESCAPED.sub(r"\1", quoted), False
        else:
            raise Malformed('has a " that is not closed. For the sign itself write \\" inside quotes.')


def parse_groups(text: str) -> list[list[tuple[str, RawValue]]]:
    """The groups of `(name:value,name:value;name:value)`: names with a text, or with the list in `(…)`."""
    tokens = Tokens(text)
    tokens.expect("(")
    groups = [_group(tokens)]
    while tokens.next_is(";"):
        groups.append(_group(tokens))
    tokens.expect(")")
    tokens.expect_end()
    return groups


def _group(tokens: Tokens) -> list[tuple[str, RawValue]]:
    conditions = [_condition(tokens)]
    while tokens.next_is(","):
        conditions.append(_condition(tokens))
    return conditions


def _condition(tokens: Tokens) -> tuple[str, RawValue]:
    name, colon, value = tokens.text().partition(":")
    if not colon:
        raise Malformed("is made of name:value, such as (status:done;goal_id__isnull:true).")
    if value or not tokens.next_is("("):
        return name, value
    values = [tokens.text()]
    while tokens.next_is(","):
        values.append(tokens.text())
    tokens.expect(")")
    return name, values


def parse_list(text: str) -> Sequence[str]:
    """The values between commas; one with a comma of its own is put in double quotes."""
    if '"' not in text:
        return text.split(",")
    # Only commas and quotes have a meaning here.
    values, current = [], ""
    for part, is_sign in _tokens(text):
        if is_sign and part == ",":
            values.append(current)
            current = ""
        else:
            current += part
    return [*values, current]


def parse_names(text: str) -> list[tuple[str, list[str] | None]]:
    """The names between commas, each with the names in brackets behind it: `id,goal(title)`."""
    tokens = Tokens(text)
    found = [_name(tokens)]
    while tokens.next_is(","):
        found.append(_name(tokens))
    tokens.expect_end()
    return found


def _name(tokens: Tokens) -> tuple[str, list[str] | None]:
    name = tokens.text().strip()
    if not tokens.next_is("("):
        return name, None
    inner = [tokens.text().strip()]
    while tokens.next_is(","):
        inner.append(tokens.text().strip())
    if tokens.next_is("("):
        raise Malformed("goes more than one level deep.")
    tokens.expect(")")
    return name, inner
