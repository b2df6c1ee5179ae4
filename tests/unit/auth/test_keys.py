"""Tokens and what a key is for."""

import re

import pytest

from tracking_service.auth import Key, digest_of, new_token
from tracking_service.errors import SeriesNotAllowedError


def test_tokens_are_recognisable_and_differ() -> None:
    tokens = {new_token() for _ in range(1000)}

    assert 1000 == len(tokens)
    assert all(re.fullmatch(r"tn_[A-Za-z0-9_-]{43}", token) for token in tokens)


def test_a_digest_takes_any_bytes_a_server_may_pass_on() -> None:
    assert 32 == len(digest_of("\x00\xff"))


def test_a_key_does_not_show_its_digest() -> None:
    digest = digest_of(new_token())
    key = Key("shop", frozenset({"issue"}), None, digest)

    assert repr(digest) not in repr(key)
    assert digest.hex() not in repr(key)


def test_a_key_without_series_is_for_all() -> None:
    Key("shop", frozenset({"issue"}), None, b"").check_series("gifts")


def test_a_key_with_series_is_for_no_other() -> None:
    key = Key("shop", frozenset({"issue"}), frozenset({"gifts"}), b"")
    key.check_series("gifts")

    with pytest.raises(SeriesNotAllowedError):
        key.check_series("default")
