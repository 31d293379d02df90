"""What a service key is: a text that scanners recognise, that nobody guesses, and that shows a typing error itself."""

import secrets
import string
from hashlib import sha256
from zlib import crc32

PREFIX = "flux_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
# 62 ** 32 is more than 2 ** 190.
RANDOM_CHARACTERS = 32
CHECKSUM_CHARACTERS = 6


def new_key() -> str:
    """A key that nobody has had before: `flux_`, 32 random letters and digits, and 6 that check them."""
    start = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return start + _checksum(start)


def has_the_form_of_a_key(text: str) -> bool:
    """Whether the text looks like a key of ours, whatever its checksum."""
    rest = text.removeprefix(PREFIX)
    return rest != text and rest.isascii() and rest.isalnum()


def is_mistyped(key: str) -> bool:
    """Whether the key cannot have been made by us, because its checksum does not fit."""
    start = key[:-CHECKSUM_CHARACTERS]
    return len(start) != len(PREFIX) + RANDOM_CHARACTERS or _checksum(start) != key[-CHECKSUM_CHARACTERS:]


def digest(key: str) -> bytes:
    """SHA-256 of a key, all that is kept of it. A key has so many random bits that a slow hash would add nothing."""
    return sha256(key.encode()).digest()


def _checksum(start: str) -> str:
    number = crc32(start.encode())
    digits = []
    for _ in range(CHECKSUM_CHARACTERS):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
