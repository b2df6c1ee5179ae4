"""The table of keys, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stores import Stores
from tracking_service.auth import digest_of
from tracking_service.errors import (
    InvalidKeyError,
    KeyExistsError,
    UnknownKeyError,
    UnknownSeriesError,
)
from tracking_service.store.api_keys import ApiKeyStore


@pytest.fixture
def stores(database_url: str) -> Iterator[Stores]:
    with Stores(database_url) as opened:
        yield opened


@pytest.fixture
def keys(stores: Stores) -> ApiKeyStore:
    return ApiKeyStore(stores.database)


def test_a_key_is_kept_without_its_token(stores: Stores, keys: ApiKeyStore) -> None:
    record, token = keys.create("shop", ["verify", "issue", "issue"], ["default"])
    (key,) = keys.live()

    assert ("shop", ["issue", "verify"], ["default"]) == (record.name, record.scopes, record.series)
    assert "shop" == key.name
    assert frozenset({"issue", "verify"}) == key.scopes
    assert frozenset({"default"}) == key.series
    assert digest_of(token) == key.digest
    assert token[3:] not in repr(stores.rows("SELECT * FROM api_key"))


def test_a_key_without_series_is_for_all_of_them(keys: ApiKeyStore) -> None:
    record, _ = keys.create("shop", ["issue"])

    assert record.series is None
    assert keys.live()[0].series is None


@pytest.mark.parametrize("by_id", [True, False])
def test_a_revoked_key_is_listed_and_lives_no_more(keys: ApiKeyStore, by_id: bool) -> None:
    record, _ = keys.create("shop", ["issue"])
    revoked = keys.revoke(str(record.id) if by_id else "shop")

    assert record.id == revoked.id
    assert revoked.revoked_at is not None
    assert [] == keys.live()
    assert [revoked] == keys.all()


def test_a_key_is_revoked_once(keys: ApiKeyStore) -> None:
    record, _ = keys.create("shop", ["issue"])
    keys.revoke("shop")
    for what in ("shop", str(record.id), "nobody", "999", "9" * 18):
        with pytest.raises(UnknownKeyError, match=what):
            keys.revoke(what)


def test_a_name_is_free_again_once_its_key_is_revoked(keys: ApiKeyStore) -> None:
    _, first = keys.create("shop", ["issue"])
    with pytest.raises(KeyExistsError, match="shop"):
        keys.create("shop", ["issue"])
    keys.revoke("shop")
    _, second = keys.create("shop", ["issue"])

    assert first != second
    assert [digest_of(second)] == [key.digest for key in keys.live()]
    assert 2 == len(keys.all())


@pytest.mark.parametrize("name", ["", "Shop", "1", "-a", "a b", "a" * 65, "é", "a\n"])
def test_a_name_that_is_none_is_refused(keys: ApiKeyStore, name: str) -> None:
    with pytest.raises(InvalidKeyError):
        keys.create(name, ["issue"])


@pytest.mark.parametrize(
    "scopes, series", [([], None), (["admin"], None), (["issue"], []), (["operate"], ["default"])]
)
def test_a_key_for_what_there_is_not_is_refused(
    keys: ApiKeyStore, scopes: list[str], series: list[str] | None
) -> None:
    with pytest.raises(InvalidKeyError):
        keys.create("shop", scopes, series)


def test_a_series_that_there_is_not_is_refused(keys: ApiKeyStore) -> None:
    with pytest.raises(UnknownSeriesError):
        keys.create("shop", ["issue"], ["default", "gifts"])

    assert [] == keys.all()
