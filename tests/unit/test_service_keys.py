"""Service keys: nobody guesses one, a typing error shows, and a scope gives what it says."""

import math

import pytest

from app.auth.keys import ALPHABET, PREFIX, RANDOM_CHARACTERS, digest, has_the_form_of_a_key, is_mistyped, new_key
from app.auth.scopes import ENTITIES, SCOPES, allows, scope_of


def test_a_key_is_recognised_by_its_prefix_and_cannot_be_guessed():
    made = {new_key() for _ in range(1000)}
    assert len(made) == 1000
    assert all(key.startswith("flux_") and has_the_form_of_a_key(key) and not is_mistyped(key) for key in made)
    assert RANDOM_CHARACTERS * math.log2(len(ALPHABET)) > 190


def test_every_wrong_swapped_or_missing_character_is_a_typing_error():
    key = new_key()
    for at in range(len(PREFIX), len(key)):
        wrong = "x" if key[at] != "x" else "y"
        assert is_mistyped(key[:at] + wrong + key[at + 1 :])
        assert is_mistyped(key[:at] + key[at + 1 :])
        swapped = key[: at - 1] + key[at] + key[at - 1] + key[at + 1 :]
        assert is_mistyped(swapped) or swapped == key


@pytest.mark.parametrize("text", ["", "flux_", "flux-abc", "FLUX_abc", "flux_a b", "flux_ключ", "planner-key"])
def test_what_is_no_key_of_ours_is_not_taken_for_one(text: str):
    assert not has_the_form_of_a_key(text)


def test_only_the_digest_of_a_key_is_kept():
    key = new_key()
    assert len(digest(key)) == 32
    assert digest(key) != digest(f"{key}x")


@pytest.mark.parametrize("entity", ENTITIES)
def test_reading_and_writing_are_two_things_and_admin_is_all(entity: str):
    for method, action, other in (("GET", "read", "write"), ("HEAD", "read", "write"), ("PATCH", "write", "read")):
        needed = scope_of(entity, method)
        assert needed == f"{entity}:{action}"
        assert {scope for scope in SCOPES if allows([scope], needed)} == {needed, action, "admin"}
        assert not allows([f"{entity}:{other}", other], needed)
    assert not allows(["read", "write"], "admin")
