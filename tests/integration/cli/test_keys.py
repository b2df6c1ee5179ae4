"""`flask keys`, on both databases."""

from __future__ import annotations

import pytest

from tests.support.answers import Run, data


def test_a_token_is_printed_once(run: Run) -> None:
    made = data(run("keys", "create", "shop", "--scope", "issue", "--scope", "verify", "--json"))
    token = made.pop("token")
    listed = run("keys", "list", "--json")

    assert [made] == data(listed)
    assert ["issue", "verify"] == made["scopes"]
    assert made["series"] is None
    assert token.startswith("tn_")
    assert token not in listed.output
    assert token not in run("keys", "list").output


def test_the_text_has_the_token_too(run: Run) -> None:
    made = run("keys", "create", "shop", "--scope", "issue", "--series", "default").output

    assert "\ntoken       tn_" in made
    assert "\nseries      default\n" in made


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_key_is_revoked_by_name_or_id(run: Run, by: str) -> None:
    made = data(run("keys", "create", "shop", "--scope", "issue", "--json"))
    revoked = data(run("keys", "revoke", str(made[by]), "--yes", "--json"))

    assert made["id"] == revoked["id"]
    assert revoked["revoked_at"] is not None
    assert [revoked] == data(run("keys", "list", "--json"))


@pytest.mark.parametrize("typed", ["shop", "1", "001"])
def test_a_key_is_not_revoked_unasked(run: Run, refuse: Run, typed: str) -> None:
    run("keys", "create", "shop", "--scope", "issue")
    said = refuse("keys", "revoke", typed).stderr
    (kept,) = data(run("keys", "list", "--json"))

    assert "revokes the key shop (id 1, issue), for ever" in said
    assert said.endswith("Nothing is done without --yes.\n")
    assert kept["revoked_at"] is None
    run("keys", "revoke", typed, "--yes")
    assert "there is no key" in refuse("keys", "revoke", typed).stderr


def test_of_two_keys_of_one_name_the_live_one_is_asked_about(run: Run, refuse: Run) -> None:
    run("keys", "create", "shop", "--scope", "issue")
    run("keys", "revoke", "shop", "--yes")
    run("keys", "create", "shop", "--scope", "verify")

    assert "the key shop (id 2, verify)" in refuse("keys", "revoke", "shop").stderr
    assert 2 == data(run("keys", "revoke", "shop", "--yes", "--json"))["id"]


def test_what_cannot_be_is_told_in_one_line(run: Run, refuse: Run) -> None:
    run("keys", "create", "shop", "--scope", "issue")
    for arguments, said in [
        (("create", "shop", "--scope", "issue"), "shop"),
        (("create", "Shop", "--scope", "issue"), "a letter first"),
        (("create", "x", "--scope", "issue", "--series", "nope"), "nope"),
        (("create", "x", "--scope", "operate", "--series", "default"), "operate"),
        (("revoke", "nobody"), "nobody"),
    ]:
        assert said in refuse("keys", *arguments).stderr
