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
    revoked = data(run("keys", "revoke", str(made[by]), "--json"))

    assert made["id"] == revoked["id"]
    assert revoked["revoked_at"] is not None
    assert [revoked] == data(run("keys", "list", "--json"))


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
